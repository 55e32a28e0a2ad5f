// swift-format-ignore-file
import FlowDSL

@main struct Sample: Flow {
    var body: some FlowBody {
        let state = shell("state", "systemctl is-active nginx", onFailure: .ignore)
        when(state.stdout == "active\n") { shell("x", "true") }
        when(state.stdout.default("none\n") != "none\r\n") { shell("y", "true") }
        when(state.stdout == "active") { shell("z", "true") }
        repeatUntil("healthy", every: .seconds(1), atMost: 2) {
            let answer = shell("ask", "echo up")
            until(answer.stdout == "up\n")
        }
    }
}
// expect 7: it compares the stdout of 'state' with a text that ends with a line end; stdout is without those at its end, write "active"
// expect 8: write "none"
// expect 12: it compares the stdout of
