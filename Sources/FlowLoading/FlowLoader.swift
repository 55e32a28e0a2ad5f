internal import FlowCrypto
package import FlowModel
internal import FlowThreads
internal import FoundationEssentials

/// A flow, loaded: ready to be planned, stored or run.
package struct LoadedFlow: Sendable {
    package var plan: Plan
    /// Digest of the plan without line numbers.
    package var revision: Digest
    /// The compiled program and its digest, if the plan has Swift steps.
    package var binary: String?
    package var binaryDigest: Digest?
    /// The embedded files.
    package var assets: [Digest: [UInt8]]
    package var timings: LoadTimings
    /// What was met on the way and mended.
    package var notices: [String] = []
}

/// What loading took.
package struct LoadTimings: Hashable, Sendable {
    /// Whether nothing had to be compiled.
    package var isCached = false
    package var compileSeconds: Double?
    package var evaluateSeconds: Double?
    package var totalSeconds = 0.0
}

/// Loads flow files and plans.
///
/// A flow file is compiled against the installed FlowDSL, run once under confinement, and validated; the result is cached by
/// the digest of everything that went in, so that loading it again takes milliseconds and starts no process.
package struct FlowLoader: Sendable {
    /// The environment of this process.
    package static var environment: [String: String] { ProcessInfo.processInfo.environment }

    let environment: [String: String]
    let compileSeconds: Double
    let evaluateSeconds: Double

    package init(
        environment: [String: String] = FlowLoader.environment, compileSeconds: Double = Double(Limits.compileSeconds),
        evaluateSeconds: Double = Double(Limits.evaluateSeconds)
    ) {
        self.environment = environment
        self.compileSeconds = compileSeconds
        self.evaluateSeconds = evaluateSeconds
    }

    /// Loads a flow file (`.swift`) or a plan (`.json`). Throws with every diagnostic that was found; nothing is registered.
    ///
    /// Cancelling the task ends the compiler and the evaluation.
    package func load(file: String) async throws(FlowError) -> LoadedFlow {
        let cancellation = ChildProcess.Cancellation()
        let result = await withTaskCancellationHandler {
            await OwnThread.call { () -> Result<LoadedFlow, FlowError> in
                Result { () throws(FlowError) in try loadNow(file, cancellation) }
            }
        } onCancel: {
            cancellation.cancel()
        }
        return try result.get()
    }

    /// All that is wrong with the file; empty when it loads.
    package func check(file: String) async -> [FlowError] {
        do throws(FlowError) {
            _ = try await load(file: file)
            return []
        } catch {
            return [error]
        }
    }

    private func loadNow(_ file: String, _ cancellation: ChildProcess.Cancellation) throws(FlowError) -> LoadedFlow {
        let start = ContinuousClock.now
        var flow: LoadedFlow
        if file.hasSuffix(".json") {
            flow = try PlanFile.load(file)
        } else if file.hasSuffix(".swift") {
            flow = try loadSource(file, cancellation)
        } else {
            throw FlowError(.usage, subject: file, "'\(file)' was not loaded: a flow file ends in .swift, a plan in .json")
        }
        flow.timings.totalSeconds = start.secondsUntilNow
        return flow
    }

    private func loadSource(_ file: String, _ cancellation: ChildProcess.Cancellation) throws(FlowError) -> LoadedFlow {
        let source = try Files.read(file, limit: LoadLimits.sourceBytes)
        let toolchain = try Toolchain.find(environment: environment)
        let cache = try FlowCache(environment: environment)
        let digest = Digest(of: source)
        let key = Digest(
            of: Array("\(FlowCache.Entry.currentFormat)\n\(digest)\n\(toolchain.identity)\n\(Self.architecture)".utf8))
        var timings = LoadTimings()
        var notices: [String] = []
        let entry: FlowCache.Entry
        switch cache.find(key) {
        case .entry(let known):
            entry = known
            timings.isCached = true
        case .nothing:
            entry = try build(file, source, toolchain, cache, key, &timings, &notices, cancellation)
        case .damaged(let why):
            notices.append("what was kept of \(file) in \(cache.folder) is damaged (\(why)); it was compiled again")
            entry = try build(file, source, toolchain, cache, key, &timings, &notices, cancellation)
        }
        var flow = try finish(file, entry, source: digest, binary: cache.binaryPath(key), timings)
        flow.notices = notices
        return flow
    }

    /// Compiles and evaluates, and keeps the result unless it was an error.
    private func build(
        _ file: String, _ source: [UInt8], _ toolchain: Toolchain, _ cache: FlowCache, _ key: Digest,
        _ timings: inout LoadTimings, _ notices: inout [String], _ cancellation: ChildProcess.Cancellation
    ) throws(FlowError) -> FlowCache.Entry {
        let folder = try cache.makeWorkFolder()
        defer { folder.remove() }
        let work = folder.path
        var start = ContinuousClock.now
        let compiler = FlowCompiler(toolchain: toolchain, cache: cache, seconds: compileSeconds, display: file)
        notices += try compiler.compile(source, in: work, cancellation)
        timings.compileSeconds = start.secondsUntilNow
        start = .now
        let evaluator = FlowEvaluator(toolchain: toolchain, seconds: evaluateSeconds, display: file, source: source)
        let envelope = try evaluator.evaluate("\(work)/flow", cancellation)
        timings.evaluateSeconds = start.secondsUntilNow
        let binary = Digest(of: try Files.read("\(work)/flow", limit: Limits.blobBytes))
        let entry = FlowCache.Entry(plan: envelope.plan, diagnostics: envelope.diagnostics, binary: binary)
        return try cache.store(folder, entry, as: key)
    }

    /// Puts in what the flow's program cannot know, and checks everything.
    private func finish(
        _ file: String, _ entry: FlowCache.Entry, source: Digest, binary: String, _ timings: LoadTimings
    ) throws(FlowError) -> LoadedFlow {
        var plan = entry.plan
        var faults = entry.diagnostics
        // The program knows its file by name only, so that it means the same in another folder.
        for index in faults.indices { faults[index].location = faults[index].location.map { Self.relocate($0, to: file) } }
        plan.locate(in: file)
        plan.source = source
        let (assets, missing) = ScriptFiles(folder: Files.folder(of: file) ?? ".").embed(into: &plan)
        faults += missing
        // The plan of a flow with mistakes is not whole: validating it would report their consequences.
        if faults.isEmpty { faults = PlanValidation.faults(in: plan) }
        if faults.isEmpty { faults = PlanDetails.faults(in: plan) }
        guard faults.isEmpty else { throw Self.failure(file, faults) }
        let needsBinary = plan.hasSwiftSteps
        return LoadedFlow(
            plan: plan, revision: try revision(of: plan), binary: needsBinary ? binary : nil,
            binaryDigest: needsBinary ? entry.binary : nil, assets: assets, timings: timings)
    }

    static func failure(_ file: String, _ faults: [FlowError.Detail]) -> FlowError {
        // No more of them are looked for.
        let count = faults.count == 1 ? "a mistake" : "\(faults.count) mistakes" + (faults.count >= Limits.planFaults ? " or more" : "")
        return FlowError(
            .load, subject: file, "\(file) was not loaded: it has \(count)", hint: "correct it, then: flowctl flow check \(file)",
            errors: Array(faults.prefix(LoadLimits.diagnostics)))
    }

    private static func relocate(_ location: String, to file: String) -> String {
        "\(file):\(location.split(separator: ":").last ?? "")"
    }

    private static var architecture: String {
        #if arch(x86_64)
            "x86_64"
        #elseif arch(arm64)
            "arm64"
        #else
            "other"
        #endif
    }
}

/// The revision of a plan: the digest of its canonical JSON without line numbers.
package func revision(of plan: Plan) throws(FlowError) -> Digest {
    do {
        return Digest(of: try plan.canonicalBytes)
    } catch {
        throw FlowError(.internal, subject: plan.flow, "the plan of '\(plan.flow)' cannot be written as JSON: \(error)")
    }
}

extension ContinuousClock.Instant {
    var secondsUntilNow: Double { (ContinuousClock.now - self) / .seconds(1) }
}

extension Plan {
    /// The steps stand in this file, and so do those of the flows that they call.
    fileprivate mutating func locate(in file: String) {
        for index in nodes.indices { nodes[index].location?.file = file }
        calls = calls?.map { called in
            var called = called
            called.plan.locate(in: file)
            return called
        }
    }
}
