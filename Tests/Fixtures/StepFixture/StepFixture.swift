import FlowDSL
import Foundation
import Synchronization

/// A flow whose Swift steps do what the tests of the workers need: run by them as a flow host.
@main struct StepFixture: Flow {
    @Param("Anything") var value: String = ""

    var body: some FlowBody {
        step("echo", $value) { context, value in
            context.log("got \(value)")
            return ["said": value, "target": context.target ?? "none", "key": context.idempotencyKey]
        }
        step("throw") { _ in throw Fault("it went wrong") }
        step("throw-value", $value) { _, value in throw Described(why: "login with \(value) refused") }
        // What is printed, and by whom is not known.
        step("say", $value) { _, value in print("said \(value)") }
        step("say-rest", $value) { _, value in print(value, terminator: "") }
        step("keep", $value) { _, value in Kept.value.withLock { $0 = value } }
        step("tell") { _ in
            let value = Kept.value.withLock { $0 }
            print("kept \(value)")
            // In two pieces, which are probably read apart.
            print("kept \(value.prefix(5))", terminator: "")
            fflush(nil)
            usleep(50_000)
            print("\(value.dropFirst(5))")
        }
        step("where", $value) { _, _ in Int(getpid()) }
        // Writes what no process should into its own record.
        step("lie") { _ in
            try OwnRecord().append(OwnRecord.lies)
            usleep(100_000)
        }
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
        // A secret of two lines, with a file that it waits for between them.
        step("halves", $value) { context, value in
            context.log("x s3cre")
            while access(value, F_OK) != 0 { usleep(5_000) }
            context.log("tvalue y")
        }
        step("crash") { _ in
            kill(getpid(), SIGKILL)
            while true { pause() }
        }
        // Writes into its own record; the file that it waits for names what.
        step("damage", $value) { _, value in
            try OwnRecord().append(value.hasSuffix("half") ? [0, 0, 1, 0, 0x7B] : OwnRecord.lines)
            while access(value, F_OK) != 0 { usleep(5_000) }
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
        step("nul-value") { _ in ["file": "a\0b"] }
        step("mark") { _ in ["\u{E0F1}": "x"] }
        // Starts a program in a session of its own, writes its number into a file, and waits for another one.
        step("daemon", $value) { context, value in
            try "\(try Daemon.start())\n".write(toFile: value, atomically: true, encoding: .utf8)
            while access("\(value).go", F_OK) != 0 { usleep(5_000) }
        }
        step("who") { _ in
            [String(getuid())] + ["HOME", "USER", "LOGNAME"].map { ProcessInfo.processInfo.environment[$0] ?? "none" }
        }
    }
}

/// A program that outlives whoever started it, as far as it is let.
enum Daemon {
    static func start() throws -> pid_t {
        var (attributes, files) = (posix_spawnattr_t(), posix_spawn_file_actions_t())
        posix_spawnattr_init(&attributes)
        posix_spawnattr_setflags(&attributes, 0x80 /* POSIX_SPAWN_SETSID */)
        posix_spawn_file_actions_init(&files)
        for number in 0...2 { posix_spawn_file_actions_addopen(&files, CInt(number), "/dev/null", O_RDWR, 0) }
        let words: [String] = ["sleep", "1000"]
        var arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
        defer { for argument in arguments { free(argument) } }
        var pid: pid_t = 0
        guard posix_spawn(&pid, "/bin/sleep", &files, &attributes, &arguments, environ) == 0 else { throw Fault("no program was started") }
        return pid
    }
}

/// What one step leaves for others in the same process.
enum Kept { static let value = Mutex("") }

struct Described: Error { var why: String }

struct Fault: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

/// The file that this process says in what came of its one step.
struct OwnRecord {
    /// More than the end of a step takes.
    static let lines: [UInt8] = (0..<50).flatMap { _ in [0, 0, 0, 14] + Array(#"{"log":"mine"}"#.utf8) }
    static let lies: [UInt8] = [#"{"dropped":9223372036854775807}"#, #"{"output":1}"#].flatMap {
        [0, 0, 0, UInt8($0.utf8.count)] + Array($0.utf8)
    }
    private let number: CInt

    init() throws {
        let mine = (3..<64 as Range<CInt>).first { number in
            (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/\(number)"))?.hasSuffix(".record") == true
        }
        guard let mine else { throw Fault("no record is open here") }
        number = mine
    }

    /// And says that there is news.
    func append(_ bytes: [UInt8]) throws {
        var status = stat()
        guard fstat(number, &status) == 0, pwrite(number, bytes, bytes.count, status.st_size) == bytes.count else { throw Fault("not written") }
        _ = write(4, [1 as UInt8], 1)
    }
}
