import FlowAPI
import FlowCommand
import FlowModel
import FoundationEssentials
import Glibc

/// `flowctl`: the command line, with the real world behind it.
@main struct Main {
    static func main() async {
        // A reader that went away is met as an error of the write.
        signal(SIGPIPE, SIG_IGN)
        let transport = ClientTransport()
        let environment = ProcessEnvironment.all
        let surroundings = Surroundings(
            environment: environment, directory: ProcessEnvironment.directory, version: flowVersion,
            terminal: ProcessTerminal.make(environment), transport: transport, files: LocalFiles(),
            loader: LocalLoader(environment: environment), engines: HomeEngines(), rehearser: LocalRehearser(), now: wallClock,
            pause: { try await Task.sleep(for: .seconds($0)) }, interrupts: Interrupts.stream)
        let arguments: [String]
        do throws(FlowError) {
            arguments = try Arguments.read()
        } catch {
            let said = Array("flowctl: \(error.message)\nNext: \(error.hint ?? "")\n".utf8)
            write(STDERR_FILENO, said, said.count)
            exit(CommandExit.usage.rawValue)
        }
        let status = await runFlowctl(arguments, in: surroundings)
        await transport.close()
        ProcessTerminal.endAsByPipeIfUnread()
        exit(status.rawValue)
    }
}

/// The time of day. Only here: the rooms are given it.
let wallClock: @Sendable () -> Instant = {
    Instant(milliseconds: Int64((Date.now.timeIntervalSince1970 * 1_000).rounded(.down)))
}

enum ProcessEnvironment {
    static var all: [String: String] {
        var variables: [String: String] = [:]
        var entry = environ
        while let text = entry.pointee {
            let pair = String(cString: text).split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            if pair.count == 2 { variables[String(pair[0])] = String(pair[1]) }
            entry += 1
        }
        return variables
    }

    /// The absolute path of the current directory; `/` when it was removed.
    static var directory: String {
        guard let path = getcwd(nil, 0) else { return "/" }
        defer { free(path) }
        return String(cString: path)
    }
}
