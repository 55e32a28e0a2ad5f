import FlowTestKit
import Glibc

/// `flow-lab start N --dir DIR` and `flow-lab stop --dir DIR`: the SSH lab as a command, for people and for `make lab`.
@main
enum FlowLab {
    private static let usage = """
        usage: flow-lab start [N] --dir DIR [--port PORT]   start N hosts (10) and write DIR/inventory.yaml; needs root
               flow-lab stop --dir DIR                      end them

        """

    static func main() async {
        do {
            exit(try await run(Array(CommandLine.arguments.dropFirst())))
        } catch {
            complain("flow-lab: \(error)\n")
            exit(1)
        }
    }

    private static func run(_ arguments: [String]) async throws -> Int32 {
        guard let directory = value("--dir", arguments), let verb = arguments.first else { return misused() }
        switch verb {
        case "start":
            let count = arguments.count > 1 ? Int(arguments[1]) ?? (arguments[1].hasPrefix("--") ? 10 : 0) : 10
            var options = LabOptions()
            options.withDefaultServer = true
            if let port = value("--port", arguments) {
                guard let number = Int(port), (1...65_535).contains(number) else { return misused() }
                options.port = number
            }
            let lab = try await SSHLab.start(hosts: count, in: directory, options: options)
            print("\(lab.hosts.count) hosts and lab-default listen. Inventory: \(lab.directory)/inventory.yaml")
            print("Try: flowctl server --inventory \(lab.directory)/inventory.yaml; in another terminal: flowctl ping group:lab")
        case "stop":
            try await SSHLab.stop(directory: directory)
        default:
            return misused()
        }
        return 0
    }

    private static func value(_ name: String, _ arguments: [String]) -> String? {
        guard let index = arguments.firstIndex(of: name), index + 1 < arguments.count else { return nil }
        return arguments[index + 1]
    }

    private static func complain(_ text: String) {
        let bytes = Array(text.utf8)
        _ = write(2, bytes, bytes.count)
    }

    private static func misused() -> Int32 {
        complain(usage)
        return 2
    }
}
