// The flow host: the long-lived process that runs a flow's Swift steps. It is started as
//
//     BINARY serve REQUESTS NEWS
//
// with the numbers of two open descriptors: a connection that requests come in on, and the writing end of a pipe. Standard output
// and error stay the author's.
//
// Requests are frames: the length of a JSON document in four bytes, most significant first, then the document.
//     {"flow":"release","node":"report","inputs":[…],"id":n,"run":"…","step":"deploy[web-1]/report","attempt":1,"generation":1,
//      "target":"web-1","key":"…","timeout":s}   start a step; target and timeout where there are any; many run at once.
//                                          The descriptor of the step's record comes with the first byte.
//     {"cancel":n}                        cancel the task of request n; its end is recorded all the same
//
// A step says what it has to say in its record, `StepRecord`; a byte in the news says that some record has grown.
//
// When the requests end, the worker has gone, perhaps to come back: what runs goes on to its recorded end, asked for by the records
// alone, and then the process ends. A frame that is not a request ends it with status 64 and a message on standard error.

internal import FlowModel
internal import Synchronization

struct FlowHost {
    /// The Swift steps, by flow and step.
    let works: [String: [String: Recorder.Work]]

    /// Bytes of a frame; inputs beyond it are refused by ending.
    static let frameBytes = 64 << 20

    struct Request: Codable {
        var id: Int?
        var flow: String?
        var node: String?
        var inputs: [JSON]?
        var run: String?
        var step: String?
        var attempt: Int?
        var generation: Int?
        var target: String?
        var key: String?
        var timeout: Double?
        var cancel: Int?
    }

    private enum Order {
        case start(Request, id: Int, StepRecord)
        case cancel(Int)
    }

    /// Serves until the requests have ended and all steps too, then ends the process.
    func serve(from requests: Descriptor, news: Descriptor) async -> Never {
        Descriptor.ignoreBrokenPipes()
        Descriptor.printByLine()
        news.neverBlock()
        let (orders, feed) = AsyncStream.makeStream(of: Order.self)
        let running = RunningSteps()
        OwnThread.start {
            FlowHost.read(requests, news, into: feed)
            running.lookAfterAlone()
        }
        await withDiscardingTaskGroup { group in
            for await order in orders {
                switch order {
                case .cancel(let id): running.cancel(id)
                case .start(let request, let id, let record):
                    // A task of its own, so that it can be cancelled alone; the group waits for it.
                    let task = Task { await carryOut(request, record) }
                    running.add(task, record, id)
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
    private static func read(_ requests: Descriptor, _ news: Descriptor, into feed: AsyncStream<Order>.Continuation) {
        defer { feed.finish() }
        while let (head, passenger) = requests.receive(4) {
            // Closed with the frame that does not become a step.
            let record = passenger.map { StepRecord($0, news: news) }
            let length = head.reduce(0) { $0 << 8 | Int($1) }
            guard length <= frameBytes else { fail("a frame of \(length) bytes; at most \(frameBytes) are accepted") }
            // A worker that dies while it writes leaves half a frame: that step was not asked for.
            guard let body = requests.read(length) else { return }
            do {
                let request = try JSON.parse(body, maxDepth: Limits.planDepth).decode(as: Request.self)
                if let id = request.cancel {
                    feed.yield(.cancel(id))
                } else if let id = request.id, let record {
                    feed.yield(.start(request, id: id, record))
                } else {
                    fail("a frame that is not a request: no 'cancel', and no 'id' with a record")
                }
            } catch {
                fail("a frame that is not a request: \(error)")
            }
        }
    }

    private static func fail(_ message: String) -> Never {
        Descriptor.standardError.write("flow host: \(message)\n")
        Descriptor.exit(64)
    }

    // MARK: - One step

    private func carryOut(_ request: Request, _ record: StepRecord) async {
        guard record.begin() else {
            return await record.end(["error": "nothing was run: the step's record could not be written"])
        }
        let (result, isLate) = await Deadline.run(request.timeout) { try await run(request, record) }
        switch result {
        case .success(let output): await record.end(["output": output])
        case .failure(let error):
            var end: [String: JSON] = ["error": .string("\(error)")]
            if isLate { end["timedOut"] = true }
            if let pause = (error as? RetryAfter)?.seconds, pause.isFinite, pause > 0 { end["retryAfter"] = .double(pause) }
            await record.end(end)
        }
    }

    private func run(_ request: Request, _ record: StepRecord) async throws -> JSON {
        let node = request.node ?? ""
        let flow = request.flow ?? ""
        guard let work = works[flow]?[node] else {
            let known = works.keys.sorted().flatMap { flow in (works[flow] ?? [:]).keys.sorted().map { "\(flow)/\($0)" } }
            throw StepFault("this binary has no Swift step '\(flow)/\(node)'; it has: \(known.joined(separator: ", "))")
        }
        let context = StepContext(
            runID: request.run ?? "", step: request.step ?? node, attempt: request.attempt ?? 1,
            generation: request.generation ?? 1, target: request.target, idempotencyKey: request.key ?? "",
            write: record.log)
        let running = RunningStep()
        let output = try await RunningStep.$current.withValue(running) {
            try await work(context, StepInputs(request.inputs ?? []))
        }
        try running.check()
        if let character = output.forbiddenCharacter {
            throw StepFault("it returned a text with \(character), which no value may hold; base64 makes bytes a text")
        }
        let bytes = output.canonicalBytes.count
        guard bytes <= Limits.stepOutputBytes else {
            throw StepFault("it returned \(bytes) bytes of JSON; a step hands out at most \(Limits.stepOutputBytes)")
        }
        return output
    }
}

/// The steps in hand.
private final class RunningSteps: Sendable {
    private let steps = Mutex<[Int: (task: Task<Void, Never>, record: StepRecord)]>([:])

    func add(_ task: Task<Void, Never>, _ record: StepRecord, _ id: Int) { steps.withLock { $0[id] = (task, record) } }
    func remove(_ id: Int) { steps.withLock { $0[id] = nil } }
    func cancel(_ id: Int) { steps.withLock { $0[id] }?.task.cancel() }

    /// The worker has gone: looks whether the next one asks for an end, until the process ends.
    func lookAfterAlone() {
        Descriptor.discardOutput()
        while true {
            for step in steps.withLock({ Array($0.values) }) where step.record.isCancelAsked { step.task.cancel() }
            OwnThread.sleep(milliseconds: 100)
        }
    }
}
