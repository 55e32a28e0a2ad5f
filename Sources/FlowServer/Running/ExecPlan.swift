import FlowModel
import FlowWire

/// The plan of `exec`: one command on every host of a selector, as a map over the hosts.
///
/// It is built here and not in clients, so that `flowctl exec` and a line of `curl` give the same run.
enum ExecPlan {
    static let flow = "exec"
    private static let defaultWidth = 16
    private static let maxWidth = 1_000

    static func make(_ exec: Wire.Exec) throws(FlowError) -> Plan {
        let width = exec.width ?? defaultWidth
        var faults: [FlowError.Detail] = []
        if exec.selector.allSatisfy(\.isWhitespace) {
            faults.append(.init(subject: "exec.selector", message: "is empty: name hosts, such as web-1 or group:web"))
        }
        if !(1...maxWidth).contains(width) {
            faults.append(.init(subject: "exec.width", message: "must be from 1 to \(maxWidth)"))
        }
        if exec.command.isEmpty { faults.append(.init(subject: "exec.command", message: "is empty")) }
        if exec.command.utf8.count > Limits.scriptBytes {
            faults.append(.init(subject: "exec.command", message: "has more than \(Limits.scriptBytes) bytes"))
        }
        if exec.command.utf8.contains(0) || SealedText.isPresent(in: exec.command) {
            faults.append(.init(subject: "exec.command", message: "has a NUL or a reserved character"))
        }
        if let seconds = exec.timeoutSeconds, !(seconds > 0 && seconds <= 31_536_000) {
            faults.append(.init(subject: "exec.timeoutSeconds", message: "must be more than 0 and at most a year"))
        }
        guard faults.isEmpty else { throw FlowError(.usage, subject: "exec", "Nothing was started.", errors: faults) }
        let command = ShellSpec(
            source: .text(exec.command), target: .element(map: "on", path: ["name"]),
            account: exec.account.map { .literal(.string($0)) })
        return Plan(flow: flow, summary: "A command on hosts", nodes: nodes(exec, command, width), dsl: "exec-2")
    }

    /// Every host has its turn, whatever became of the others, and the run fails in the end if one of them did. A retry takes those up.
    private static func nodes(_ exec: Wire.Exec, _ command: ShellSpec, _ width: Int) -> [Node] {
        let map = MapSpec(
            elements: .hosts(.literal(.string(exec.selector))), width: width, keepsGoing: true, title: title(of: exec.command))
        return [
            Node(id: "on", name: "on", kind: .map(map)),
            Node(
                id: "on/command", name: "command", scope: "on", kind: .shell(command), policy: Policy(timeoutSeconds: exec.timeoutSeconds)),
        ]
    }

    /// The first line of the command, cut to what fits into a sentence.
    private static func title(of command: String) -> String {
        let line = command.split(whereSeparator: \.isNewline).first.map(String.init) ?? ""
        let isCut = line.count > Limits.titleCharacters || line.count < command.filter { !$0.isNewline }.count
        return line.prefix(Limits.titleCharacters) + (isCut ? "…" : "")
    }
}
