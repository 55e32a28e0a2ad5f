import FlowDSL
import Foundation

/// A flow whose Swift steps do what the tests of the workers need: run by them as a flow host.
@main struct StepFixture: Flow {
    @Param("Anything") var value: String = ""

    var body: some FlowBody {
        step("echo", $value) { context, value in
            context.log("got \(value)")
            return ["said": value, "target": context.target ?? "none", "key": context.idempotencyKey]
        }
        step("throw") { _ in throw Fault("it went wrong") }
        step("nul") { context in context.log("a\0b\\u0000c") }
        step("print") { context in
            print("from print")
            fflush(nil)
        }
        // Ends with its task.
        step("sleep") { context in
            context.log("asleep")
            try await Task.sleep(for: .seconds(600))
        }
        // Waits for a file and looks at nothing else: cancelling its task changes nothing.
        step("stubborn", $value) { context, value in
            context.log("waiting")
            while access(value, F_OK) != 0 { usleep(5_000) }
        }
        step("crash") { _ in
            kill(getpid(), SIGKILL)
            while true { pause() }
        }
        step("list", $value) { _, value in try FileManager.default.contentsOfDirectory(atPath: value).sorted() }
        step("flood", $value) { context, value in
            for _ in 0..<(Int(value) ?? 0) { context.log(String(repeating: "x", count: 1_000)) }
        }
        // Two ways to one stream, at once.
        step("both") { context in
            for number in 0..<1_000 {
                context.log("log \(number)")
                print("print \(number)")
                fflush(nil)
            }
        }
        step("pid") { _ in Int(getpid()) }
        step("who") { _ in
            [String(getuid())] + ["HOME", "USER", "LOGNAME"].map { ProcessInfo.processInfo.environment[$0] ?? "none" }
        }
    }
}

struct Fault: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}
