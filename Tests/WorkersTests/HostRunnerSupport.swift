import Foundation
import Glibc
import Testing
import Workers

/// The shells that a host's `/bin/sh` can be.
enum Shell: String, CaseIterable, Sendable, CustomTestStringConvertible {
    case dash, bash, busybox

    var command: String { self == .busybox ? "busybox sh" : rawValue }
    var testDescription: String { command }

    /// Those that this machine has.
    static let here = allCases.filter { shell in
        ["/bin/", "/usr/bin/"].contains { access($0 + shell.rawValue, X_OK) == 0 }
    }
}

/// What a request says, line by line, without the client: what a test wants to send is its own affair.
struct RunnerRequest {
    var step: String
    var epoch = 1
    var number = 1
    var script = ""
    /// Runs `script` beside it.
    var prelude = "set -eu\n. \"${0%/*}/script\"\n"
    var lines: [String] = []
    var isComplete = true

    var bytes: [UInt8] {
        var text = "step \(step)\nfence \(epoch) \(number)\n"
        if !script.isEmpty { text += "prelude \(RunnerRequest.escaped(prelude))\nscript \(RunnerRequest.escaped(script))\n" }
        for line in lines { text += line + "\n" }
        return Array((text + (isComplete ? "go\n" : "")).utf8)
    }

    private static func escaped(_ text: String) -> String {
        text.utf8.map { byte in
            let octal = String(byte, radix: 8)
            return "\\0" + String(repeating: "0", count: 3 - octal.count) + octal
        }.joined()
    }
}

/// Everything that a runner said.
struct RunnerAnswer {
    var hello: [String] = []
    var stdout: [UInt8] = []
    var stderr: [UInt8] = []
    var value: [UInt8]?
    /// The host could not keep the value.
    var lostValue = false
    /// How many centiseconds ago it said that the attempt had ended.
    var ago: Int?
    /// All other lines, in order; that of the end without how long ago it was.
    var lines: [String] = []

    var last: String { lines.last ?? "" }
    var ended: String? { lines.first { $0.hasPrefix("ended ") } }
    /// How it is with the attempt: `ended`, `died`, `absent`, `rebooted`, `error`.
    var word: String { lines.last { $0 != "forgotten" }?.split(separator: " ").first.map(String.init) ?? "nothing" }
    var text: String { String(decoding: stdout, as: UTF8.self) }

    init(_ bytes: [UInt8]) throws {
        var rest = bytes[...]
        // A runner that dies may do so in a frame; then nothing follows, and what it would have said of the end is missing.
        func take(_ count: Int) -> [UInt8] {
            defer { rest = rest.dropFirst(count) }
            return Array(rest.prefix(count))
        }
        while let end = rest.firstIndex(of: 0x0A) {
            let line = String(decoding: rest[..<end], as: UTF8.self)
            rest = rest[(end + 1)...]
            let words = line.split(separator: " ").map(String.init)
            func size(_ place: Int) throws -> Int {
                Int(try #require(words.count == place + 1 ? UInt32(words[place]) : nil, "not a frame: '\(line)' after \(lines)"))
            }
            switch words.first {
            case nil: break
            case "flow-runner": hello = words
            case "O": stdout += take(try size(2))
            case "E": stderr += take(try size(2))
            case "V" where words == ["V", "-"]: lostValue = true
            case "V": value = take(try size(1))
            // A sign of life.
            case "tick": break
            case "ended" where words.count == 8:
                ago = Int(words[7])
                lines.append(words.dropLast().joined(separator: " "))
            default: lines.append(line)
            }
        }
    }
}

/// A host's runner under one shell, in a spool of its own.
struct RunnerUnderTest: Sendable {
    let shell: Shell
    /// Before the names of steps: tests run beside each other, and marks are seen by all.
    let tag: String
    let spool: String
    /// What the command starts with: another account.
    var prefix = ""
    var text = HostRunner.text
    var environment: [String: String] = [:]

    init(_ shell: Shell, _ folder: TestFolder, spool: String = "spool", tag: String = String(UInt64.random(in: 0 ... .max), radix: 16)) {
        self.shell = shell
        self.tag = tag
        self.spool = folder.file(spool)
    }

    /// Lets the test put this host's clock forward: a deadline then comes when the test wants it, however slow the machine is.
    mutating func holdClock() throws {
        let reading = "read -r up _ </proc/uptime; now=$((${up%.*} * 100 + 1${up#*.} - 100))"
        try #require(text.contains(reading))
        text = text.replacingOccurrences(
            of: reading, with: "read -r offset <\"$FLOW_SPOOL.clock\"; " + reading.replacingOccurrences(of: "- 100))", with: "- 100 + offset))"))
        try "0\n".write(toFile: spool + ".clock", atomically: true, encoding: .utf8)
        chmod(spool + ".clock", 0o644)
    }

    /// By centiseconds, for the second and last time.
    func putClockForward(_ offset: Int) throws {
        try "\(offset)\n".write(toFile: spool + ".clock", atomically: true, encoding: .utf8)
        chmod(spool + ".clock", 0o644)
    }

    /// Starts a verb; the caller speaks.
    func open(_ verb: String) async throws -> any TransportChannel {
        let command = "FLOW_SPOOL=\(Prelude.quoted(spool)); export FLOW_SPOOL; exec \(prefix)\(shell.command) -c '\(text)' flow-runner \(verb)"
        return try await LocalTransport(environment: environment).open(command)
    }

    /// Starts a verb and says all of the request.
    func begin(_ verb: String, _ request: RunnerRequest, tail: [UInt8] = []) async throws -> any TransportChannel {
        var request = request
        request.step = step(request.step)
        let channel = try await open(verb)
        do {
            try await channel.write(request.bytes + tail)
        } catch is TransportError {
            // One that refuses may be gone before it has heard everything.
        }
        return channel
    }

    /// Says the request and takes everything that comes until the runner's own end.
    func ask(_ verb: String, _ request: RunnerRequest, tail: [UInt8] = []) async throws -> RunnerAnswer {
        let channel = try await begin(verb, request, tail: tail)
        return try await RunnerUnderTest.answer(of: channel)
    }

    static func answer(of channel: any TransportChannel) async throws -> RunnerAnswer {
        try await channel.finishInput()
        var bytes: [UInt8] = []
        loop: while let event = try await channel.next() {
            switch event {
            case .stdout(let more): bytes += more
            case .stderr: break
            case .exited: break loop
            }
        }
        channel.close()
        return try RunnerAnswer(bytes)
    }

    func step(_ name: String) -> String { tag + name }
    /// The folder of an attempt; without one, of its step.
    func folder(_ step: String, _ attempt: String = "1.1") -> String { "\(spool)/\(self.step(step))/\(attempt)" }
    /// What is in the folder of a step.
    func records(_ step: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: "\(spool)/\(self.step(step))").sorted()
    }
    func exists(_ step: String, _ file: String = "") -> Bool {
        FileManager.default.fileExists(atPath: "\(spool)/\(self.step(step))/\(file)")
    }
    /// Processes that were started with the mark of an attempt of this step.
    func marked(_ step: String) -> [pid_t] { Processes.marked(self.step(step)) }

    /// A line of an attempt's `started` record.
    func started(_ key: String, _ step: String, _ attempt: String = "1.1") -> String? {
        guard let text = try? String(contentsOfFile: folder(step, attempt) + "/started", encoding: .utf8) else { return nil }
        return text.split(separator: "\n").first { $0.hasPrefix(key + " ") }.map { String($0.dropFirst(key.count + 1)) }
    }

    /// Waits until the supervisor has begun.
    func supervisor(of step: String, _ attempt: String = "1.1") async throws -> pid_t {
        try #require(try await comesTrue { started("pid", step, attempt) != nil })
        return try #require(started("pid", step, attempt).flatMap { pid_t($0) })
    }
}

/// What `/proc` says about processes.
enum Processes {
    static var all: [pid_t] { (try? FileManager.default.contentsOfDirectory(atPath: "/proc"))?.compactMap { pid_t($0) } ?? [] }

    static func state(_ pid: pid_t) -> (state: String, parent: pid_t)? {
        guard let text = try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8), let end = text.lastIndex(of: ")") else {
            return nil
        }
        let words = text[text.index(end, offsetBy: 2)...].split(separator: " ")
        return (String(words[0]), pid_t(words[1]) ?? 0)
    }

    static func isAlive(_ pid: pid_t) -> Bool { state(pid).map { $0.state != "Z" } ?? false }

    /// Those that were started with the mark of an attempt of this step.
    static func marked(_ step: String) -> [pid_t] {
        let mark = Data("FLOW_ATTEMPT_MARK=\(step)/".utf8)
        return all.filter { FileManager.default.contents(atPath: "/proc/\($0)/environ")?.range(of: mark) != nil }
    }

    /// The shells of the runner itself in this spool.
    static func runners(in spool: String) -> [pid_t] {
        let verb = Data("flow-runner\0".utf8)
        let setting = Data("FLOW_SPOOL=\(spool)\0".utf8)
        return all.filter { pid in
            FileManager.default.contents(atPath: "/proc/\(pid)/cmdline")?.range(of: verb) != nil
                && FileManager.default.contents(atPath: "/proc/\(pid)/environ")?.range(of: setting) != nil
        }
    }

    /// Kilobytes in memory.
    static func memory(_ pid: pid_t) -> Int {
        guard let text = try? String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8) else { return 0 }
        let line = text.split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
        return line?.split(whereSeparator: { !$0.isNumber }).first.flatMap { Int($0) } ?? 0
    }
}

/// Whether this machine can do what some tests need.
enum Machine {
    static let isRoot = geteuid() == 0
    static func has(_ program: String) -> Bool {
        ["/bin/", "/usr/bin/", "/sbin/", "/usr/sbin/"].contains { access($0 + program, X_OK) == 0 }
    }
    /// The containment that attempts of this account get.
    static let hasCgroup =
        isRoot
        && ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"].contains {
            access($0 + "/cgroup.controllers", F_OK) == 0 && access($0 + "/cgroup.procs", W_OK) == 0
        }
    /// Runs a command as an account without any rights.
    static let unprivileged = "setpriv --reuid=65534 --regid=65534 --clear-groups "
}

/// How well a host can hold processes together.
enum Level: String, CaseIterable, Sendable {
    case cgroup, session

    /// Those that can be tried here.
    static let here: [Level] = {
        if Machine.hasCgroup { return Machine.has("setpriv") ? [.cgroup, .session] : [.cgroup] }
        return Machine.isRoot && !Machine.has("setpriv") ? [] : [.session]
    }()
}

extension RunnerUnderTest {
    /// A runner whose attempts have this containment.
    init(_ shell: Shell, _ level: Level, _ folder: TestFolder) throws {
        self.init(shell, folder)
        guard level == .session, Machine.isRoot else { return }
        prefix = Machine.unprivileged
        try #require(chmod(folder.path, 0o777) == 0)
    }
}
