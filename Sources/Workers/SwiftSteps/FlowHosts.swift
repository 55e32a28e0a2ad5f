import FlowModel
import FlowThreads
import Glibc

/// The flow hosts that run: one for each binary, started when the first step needs it.
actor FlowHosts {
    private let folder: String
    private let blobs: BlobSource
    private let launch: ConfinedStart
    /// Runs work in a task that ends with the workers; false when they have ended.
    private let run: @Sendable (@escaping @Sendable () async -> Void) -> Bool
    private var hosts: [Digest: FlowHostProcess] = [:]
    private var starting: [Digest: [CheckedContinuation<Void, Never>]] = [:]

    /// `folder` holds a binary for the moment in which it is started.
    init(
        folder: String, blobs: @escaping BlobSource, launch: ConfinedStart,
        run: @escaping @Sendable (@escaping @Sendable () async -> Void) -> Bool
    ) {
        self.folder = folder
        self.blobs = blobs
        self.launch = launch
        self.run = run
    }

    /// Begins a step in the flow's process. Throws when there is no process and none can be started.
    func begin(
        _ binary: Digest, _ request: [String: JSON], record: OwnedDescriptor, _ tail: StepTail, output: OutputRecorder,
        secrets: AttemptSecrets, before: @Sendable (FlowHostProcess) async throws -> Void
    ) async throws -> (process: FlowHostProcess, id: Int) {
        while true {
            let process = try await process(for: binary)
            try await before(process)
            if let id = process.begin(request, record: record, tail, output: output, secrets: secrets) { return (process, id) }
            if hosts[binary] === process { hosts[binary] = nil }
        }
    }

    private func process(for binary: Digest) async throws -> FlowHostProcess {
        while true {
            if let host = hosts[binary], host.child.endIfKnown == nil { return host }
            guard starting[binary] == nil else {
                await withCheckedContinuation { starting[binary, default: []].append($0) }
                continue
            }
            starting[binary] = []
            defer { for waiter in starting.removeValue(forKey: binary) ?? [] { waiter.resume() } }
            let host = try await start(binary)
            let isServed = run { [weak self] in
                await host.serve()
                await self?.remove(host, binary)
            }
            guard isServed else {
                host.kill("the engine ended")
                throw CancellationError()
            }
            hosts[binary] = host
            retireIdle()
            return host
        }
    }

    private func remove(_ host: FlowHostProcess, _ binary: Digest) {
        if hosts[binary] === host { hosts[binary] = nil }
    }

    /// Ends the longest idle ones beyond the number that may stay.
    private func retireIdle() {
        let idle = hosts.values.compactMap { host in host.idleTime.map { (host, $0) } }.sorted { $0.1 > $1.1 }
        for (host, _) in idle.prefix(max(0, idle.count - WorkerLimits.idleHosts)) { host.retire() }
    }

    private func start(_ binary: Digest) async throws -> FlowHostProcess {
        let bytes = try await blobs(binary)
        let folder = folder
        let program = try await BlockingThreads.files.call {
            mkdir(folder, 0o700)
            let path = "\(folder)/\(binary.hex)"
            try SmallFile.fill(path, bytes, mode: 0o700)
            defer { unlink(path) }
            let program = open(path, O_RDONLY | O_CLOEXEC)
            guard program >= 0 else { throw CallError("\(path) could not be opened") }
            // The account that it runs as may read and run it. Nobody but us comes to it by its path, which is gone in a moment, and
            // nobody at all may write it.
            guard fchmod(program, 0o555) == 0 else {
                close(program)
                throw CallError("\(path) could not be made a program")
            }
            return program
        }
        defer { close(program) }
        var tries = 0
        while true {
            do {
                return try await Shortage.waited { try await FlowHostProcess.start(program: program, by: launch) }
            } catch let error as CallError where error.code == ETXTBSY && tries < 50 {
                // A child that is just starting still holds the descriptor that the file was written through.
                tries += 1
                try await Task.sleep(for: .milliseconds(10))
            }
        }
    }
}
