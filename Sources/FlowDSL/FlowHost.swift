// The flow host: the long-lived process that runs a flow's Swift steps. It is started as
//
//     BINARY serve REQUESTS ANSWERS
//
// with the numbers of two open descriptors; standard output and error stay the author's. Both carry frames: the length of a
// JSON document in four bytes, most significant first, then the document.
//
// Requests
//     {"id":n,"node":"report","inputs":[…],"run":"…","step":"deploy[web-1]/report","attempt":1,"generation":1,
//      "target":"web-1","key":"…"}        start a step; target is left out where there is none; many run at once
//     {"cancel":n}                        cancel the task of request n; it is answered all the same, when it has ended
// Answers
//     {"id":n,"log":"…"}                  a line of output, any number of times
//     {"id":n,"output":…}                 it returned: the last answer to n
//     {"id":n,"error":"…"}                it threw, or the request was wrong: the last answer to n
//
// The end of the requests ends the process at once. A frame that is not a request ends it with status 64 and a message on
// standard error.

internal import FlowModel
internal import Synchronization

struct FlowHost {
    let works: [String: Recorder.Work]

    /// Bytes of a frame; inputs beyond it are refused by ending.
    static let frameBytes = 64 << 20
    /// Characters of one line of output; the rest of it is left out.
    static let logCharacters = 16 << 10

    struct Request: Codable {
        var id: Int?
        var node: String?
        var inputs: [JSON]?
        var run: String?
        var step: String?
        var attempt: Int?
        var generation: Int?
        var target: String?
        var key: String?
        var cancel: Int?
    }

    /// Serves until the requests end, then ends the process.
    func serve(from requests: Descriptor, to answers: Descriptor) async -> Never {
        let answers = AnswerWriter(answers)
        let (stream, feed) = AsyncStream.makeStream(of: Request.self)
        OwnThread.start { FlowHost.read(requests, into: feed) }
        await withDiscardingTaskGroup { group in
            let running = RunningTasks()
            for await request in stream {
                if let id = request.cancel {
                    running.cancel(id)
                } else if let id = request.id {
                    // A task of its own, so that it can be cancelled alone; the group waits for it.
                    let task = Task { await answer(request, id, answers) }
                    running.add(task, id)
                    group.addTask {
                        await task.value
                        running.remove(id)
                    }
                }
            }
        }
        Descriptor.exit(0)
    }

    /// Reads on a thread of its own, since reading blocks.
    private static func read(_ requests: Descriptor, into feed: AsyncStream<Request>.Continuation) {
        while let head = requests.read(4) {
            let length = head.reduce(0) { $0 << 8 | Int($1) }
            guard length <= frameBytes else { fail("a frame of \(length) bytes; at most \(frameBytes) are accepted") }
            guard let body = requests.read(length) else { break }
            do {
                feed.yield(try JSON.parse(body, maxDepth: Limits.planDepth).decode(as: Request.self))
            } catch {
                fail("a frame that is not a request: \(error)")
            }
        }
        Descriptor.exit(0)
    }

    private static func fail(_ message: String) -> Never {
        Descriptor.standardError.write("flow host: \(message)\n")
        Descriptor.exit(64)
    }

    private func answer(_ request: Request, _ id: Int, _ answers: AnswerWriter) async {
        do {
            let output = try await run(request) { answers.write(["id": .int(id), "log": .string($0)]) }
            answers.write(["id": .int(id), "output": output])
        } catch {
            answers.write(["id": .int(id), "error": .string("\(error)")])
        }
    }

    private func run(_ request: Request, log: @escaping @Sendable (String) -> Void) async throws -> JSON {
        let node = request.node ?? ""
        guard let work = works[node] else {
            throw StepFault("this binary has no Swift step '\(node)'; it has: \(works.keys.sorted().joined(separator: ", "))")
        }
        let context = StepContext(
            runID: request.run ?? "", step: request.step ?? node, attempt: request.attempt ?? 1,
            generation: request.generation ?? 1, target: request.target, idempotencyKey: request.key ?? "",
            write: { log(String($0.prefix(FlowHost.logCharacters))) })
        let running = RunningStep()
        let output = try await RunningStep.$current.withValue(running) {
            try await work(context, StepInputs(request.inputs ?? []))
        }
        try running.check()
        let bytes = output.canonicalBytes.count
        guard bytes <= Limits.stepOutputBytes else {
            throw StepFault("it returned \(bytes) bytes of JSON; a step hands out at most \(Limits.stepOutputBytes)")
        }
        return output
    }
}

/// Writes answers, one at a time.
///
/// A slow reader holds the steps up: that is what bounds the memory of this process, and only steps wait here.
private final class AnswerWriter: Sendable {
    private let descriptor: Mutex<Descriptor>

    init(_ descriptor: Descriptor) { self.descriptor = Mutex(descriptor) }

    func write(_ answer: JSON) {
        let body = answer.canonicalBytes
        let head = (0..<4).map { UInt8(truncatingIfNeeded: body.count >> (24 - 8 * $0)) }
        descriptor.withLock {
            // Nobody reads any more: the worker is gone, and with it all reason to go on.
            if !$0.write(head + body) { Descriptor.exit(0) }
        }
    }
}

/// The tasks of the requests in hand.
private final class RunningTasks: Sendable {
    private let tasks = Mutex<[Int: Task<Void, Never>]>([:])

    func add(_ task: Task<Void, Never>, _ id: Int) { tasks.withLock { $0[id] = task } }
    func remove(_ id: Int) { tasks.withLock { $0[id] = nil } }
    func cancel(_ id: Int) { tasks.withLock { $0[id] }?.cancel() }
}
