import FlowDSL
import Foundation

/// The same lines as `mark.sh` leaves, from a Swift step.
enum Ledger {
    static func mark(_ context: StepContext, _ path: String) async throws {
        try line("start", context, path)
        try await Task.sleep(for: .milliseconds(100))
        try line("end", context, path)
    }

    private static func line(_ what: String, _ context: StepContext, _ path: String) throws {
        let uptime = try String(contentsOfFile: "/proc/uptime", encoding: .utf8).prefix { $0 != " " }
        let text = "\(what) \(context.runID) \(context.step) \(context.attempt) \(uptime)\n"
        guard let file = fopen(path, "a") else { throw CocoaError(.fileWriteUnknown) }
        fputs(text, file)
        fclose(file)
    }
}

/// Forty steps of every kind, each of which leaves a line for every start and every end.
@main struct Torture: Flow {
    @Param("File that every execution adds its lines to") var ledger: String
    @Param("Lab hosts") var hosts: Selector = "group:lab"

    var body: some FlowBody {
        parallel {
            for number in 1...10 { script("local-\(number)", file: "mark.sh", $ledger) }
            for number in 1...6 { script("again-\(number)", file: "flaky.sh", $ledger, retry: .attempts(8, delay: .seconds(0.1))) }
        }
        parallel {
            for number in 1...4 {
                step("swift-\(number)", $ledger) { context, ledger in
                    try await Ledger.mark(context, ledger)
                    return ["number": number]
                }
            }
            map("hosts", over: $hosts, width: 3) { host in
                script("first", file: "mark.sh", $ledger, on: host)
                script("second", file: "flaky.sh", $ledger, on: host, retry: .attempts(8, delay: .seconds(0.1)))
                script("third", file: "mark.sh", $ledger, on: host)
            }
        }
        approval("go", "Go on?", rules: [.anyone(count: 1)], selfApproval: true)
        map("list", over: ["a", "b", "c", "d"], width: 2) { item in
            script("one", file: "mark.sh", $ledger)
            script("two", file: "mark.sh", $ledger)
        }
        finally { script("last", file: "mark.sh", $ledger) }
    }
}
