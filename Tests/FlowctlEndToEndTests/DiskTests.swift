import FlowModel
import FlowTestKit
import Foundation
import Glibc
import Testing

/// A small file system of its own, mounted over a directory. Needs root, and the right to mount.
struct SmallDisk {
    let path: String

    /// Why there cannot be one here; nil when there can.
    static let obstacle: String? = {
        guard geteuid() == 0 else { return "mounting a small disk needs root" }
        let probe = FileManager.default.temporaryDirectory.appending(path: "flow-disk-\(UUID().uuidString.prefix(8))").path
        guard mkdir(probe, 0o700) == 0 else { return "no directory for a small disk" }
        defer { rmdir(probe) }
        guard mount("tmpfs", probe, "tmpfs", 0, "size=64k") == 0 else { return "this machine lets nobody mount a tmpfs" }
        umount2(probe, Int32(MNT_DETACH))
        return nil
    }()

    init(at path: String, kibibytes: Int) throws {
        self.path = path
        guard mkdir(path, 0o700) == 0 || errno == EEXIST, mount("tmpfs", path, "tmpfs", 0, "size=\(kibibytes)k,mode=700") == 0
        else { throw NotSo(description: "\(path) was not mounted: \(String(cString: strerror(errno)))") }
    }

    /// Takes all the room there is.
    func fill() throws {
        let file = open("\(path)/filler", O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw NotSo(description: "no filler") }
        defer { close(file) }
        let page = [UInt8](repeating: 7, count: 4_096)
        while write(file, page, page.count) > 0 {}
    }

    func makeRoom() { unlink("\(path)/filler") }

    /// Waits for those who still write to it.
    func makeReadOnly() async throws {
        for _ in 0..<200 {
            if mount(nil, path, nil, UInt(MS_REMOUNT | MS_RDONLY), nil) == 0 { return }
            guard errno == EBUSY else { break }
            try await Task.sleep(for: .milliseconds(50))
        }
        throw NotSo(description: "\(path) was not made read-only: \(String(cString: strerror(errno)))")
    }

    func unmount() { umount2(path, Int32(MNT_DETACH)) }
}

@Suite("A disk that takes no more", .timeLimit(.minutes(5)))
struct DiskTests {
    private static func hello(_ place: Place) throws { try place.write("hello", Place.shell("x", "true")) }
    private static let full = "database or disk is full"

    @Test(.enabled(if: SmallDisk.obstacle == nil, "needs root and the right to mount"))
    func `full while flowd runs: every start is refused, none is kept, and with room again it goes on by itself`() async throws {
        let place = try Place()
        try Self.hello(place)
        let disk = try SmallDisk(at: place.folder.appending(path: ".flow").path, kibibytes: 4_096)
        defer { disk.unmount() }
        let served = try await Served.start(in: place)
        let first = try await place.run("run", "hello.json", "-o", "json")
        #expect(first.status == 0, "\(first.err)")
        let kept = try await place.runs()
        try disk.fill()
        for number in 0..<5 {
            let refused = try await place.run("run", "hello.json", "--key", "k\(number)", "--detach")
            #expect(refused.status == 5)
            #expect(refused.out.isEmpty, "nothing was acknowledged: \(refused.out)")
            #expect(refused.err.contains("Nothing was changed, because the journal cannot be written"), "\(refused.err)")
        }
        #expect(try await place.runs() == kept, "what could be read before can be read now")
        let doctor = try await place.run("doctor")
        #expect(doctor.status == 5 && doctor.out.contains("0 MiB are free"), "\(doctor.out)")
        disk.makeRoom()
        // The same flowd, and the same key: the refused start did not use it up.
        let again = try await place.run("run", "hello.json", "--key", "k0")
        #expect(again.status == 0 && !again.err.contains("before"), "\(again.err)")
        #expect(try await place.runs().count == kept.count + 1)
        await served.stop()
        disk.unmount()
        try await place.leave()
    }

    @Test(.enabled(if: SmallDisk.obstacle == nil, "needs root and the right to mount"))
    func `full while a step runs: its end is not lost, it is not run again, and what follows it waits for room`() async throws {
        let place = try Place()
        let (gate, trace) = (place.folder.appending(path: "gate").path, place.folder.appending(path: "trace").path)
        try place.write(
            "gated", Place.shell("wait", "echo x >> \(trace); while [ ! -e \(gate) ]; do sleep 0.1; done"),
            Place.shell("after", "echo y >> \(trace)", needs: ["wait"]))
        let disk = try SmallDisk(at: place.folder.appending(path: ".flow").path, kibibytes: 4_096)
        defer { disk.unmount() }
        let served = try await Served.start(in: place)
        let run = try await place.run("run", "gated.json", "--detach").out.trimmingCharacters(in: .newlines)
        try await fact("the step runs") { FileManager.default.fileExists(atPath: trace) }
        try disk.fill()
        try Data().write(to: URL(filePath: gate))
        // The engine has met the full disk once the step's end was refused: flowd's log cannot grow there, so a command shows it.
        try await fact("nothing is committed") { try await place.run("cancel", run).status == 5 }
        #expect(try await place.run("show", run, "-o", "json").json["state"] == "running")
        let why = try await place.run("why", run)
        #expect(why.out.contains("nothing can be committed, because database or disk is full"), "\(why.out) \(why.err)")
        #expect(try await place.run("doctor").out.contains("nothing can be committed"))
        disk.makeRoom()
        #expect(try await place.run("watch", run).status == 0)
        #expect(try await !place.run("why", run).out.contains("nothing can be committed"))
        #expect(try String(contentsOfFile: trace, encoding: .utf8) == "x\ny\n")
        await served.stop()
        disk.unmount()
        try await place.leave()
    }

    /// Its spool is on another disk, as that of a step on a host is.
    @Test(.enabled(if: SmallDisk.obstacle == nil, "needs root and the right to mount"))
    func `full while a step runs: what it wrote is its value with room again, and nobody goes on without it`() async throws {
        let place = try Place()
        let (gate, spool) = (place.folder.appending(path: "gate").path, place.folder.appending(path: "spool").path)
        let read = Node(
            id: "after", name: "after",
            kind: .shell(
                ShellSpec(
                    source: .text("echo \"found [$flow_1]\""), variables: [.init(name: "flow_1", value: .output(node: "ask", path: ["stdout"]))])),
            needs: ["ask"])
        try place.write("cond", Place.shell("ask", "while [ ! -e \(gate) ]; do sleep 0.1; done; echo primary; echo over >&2"), read)
        let home = place.folder.appending(path: ".flow").path
        let disk = try SmallDisk(at: home, kibibytes: 8_192)
        defer { disk.unmount() }
        let flowd = try place.start(
            program: "/bin/sh", ["-c", "exec \"$0\" --home \"$1\" 2>> flowd.log", Place.binary("flowd").path, home],
            environment: ["FLOW_SPOOL": spool])
        try await fact("flowd serves") { try await place.run("version").out.contains("server") }
        let run = try await place.run("run", "cond.json", "--detach").out.trimmingCharacters(in: .newlines)
        try await fact("the step runs") { try await place.run("show", run, "-o", "json").json["counts"]?["running"] == 1 }
        try disk.fill()
        try Data().write(to: URL(filePath: gate))
        try await fact("the step has ended on its host") {
            try FileManager.default.subpathsOfDirectory(atPath: spool).contains { $0.hasSuffix("/ended") }
        }
        disk.makeRoom()
        #expect(try await place.run("watch", run).status == 0)
        #expect(try await place.run("logs", run, "ask").out.contains("primary"))
        #expect(try await place.run("logs", run, "after").out.contains("found [primary]"))
        flowd.signal(SIGTERM)
        await flowd.ended()
        disk.unmount()
        try await place.leave()
    }

    @Test(.enabled(if: SmallDisk.obstacle == nil, "needs root and the right to mount"))
    func `full before the start: no engine opens, and what was there is there again with room`() async throws {
        let place = try Place()
        try Self.hello(place)
        let disk = try SmallDisk(at: place.folder.appending(path: ".flow").path, kibibytes: 4_096)
        defer { disk.unmount() }
        #expect(try await place.run("run", "hello.json").status == 0)
        let kept = try await place.runs()
        try disk.fill()
        for arguments in [["run", "hello.json"], ["run", "hello.json", "--detach"], ["list"]] {
            let refused = try await place.start(arguments).result()
            #expect(refused.status == 5 && refused.err.contains(Self.full), "\(arguments): \(refused.err)")
        }
        let doctor = try await place.run("doctor")
        #expect(doctor.status == 5 && doctor.out.contains(Self.full) && doctor.out.contains("df -h "), "\(doctor.out)")
        disk.makeRoom()
        #expect(try await place.runs() == kept)
        #expect(try await place.run("run", "hello.json").status == 0)
        disk.unmount()
        try await place.leave()
    }

    @Test(.enabled(if: SmallDisk.obstacle == nil, "needs root and the right to mount"))
    func `full before flowd starts: it serves reads in the room that it kept, or waits for room, and goes on by itself`() async throws {
        let place = try Place()
        try Self.hello(place)
        let home = place.folder.appending(path: ".flow").path
        let disk = try SmallDisk(at: home, kibibytes: 8_192)
        defer { disk.unmount() }
        func flowd() throws -> Program {
            try place.start(program: "/bin/sh", ["-c", "exec \"$0\" --home \"$1\" 2>> flowd.log", Place.binary("flowd").path, home])
        }
        func log() -> String { (try? String(contentsOf: place.folder.appending(path: "flowd.log"), encoding: .utf8)) ?? "" }
        let first = try flowd()
        try await fact("flowd serves, and keeps some room") {
            FileManager.default.fileExists(atPath: place.socket) && FileManager.default.fileExists(atPath: "\(home)/reserve")
        }
        #expect(try await place.run("run", "hello.json").status == 0)
        let kept = try await place.runs()
        await first.kill()
        try disk.fill()
        let second = try flowd()
        try await fact("flowd answers on a full disk") { try await place.run("version").out.contains("server") }
        try disk.fill()
        #expect(try await place.runs() == kept)
        #expect(try await place.run("run", "hello.json", "--detach").status == 5)
        await second.kill()
        // The room is used up now.
        try disk.fill()
        let third = try flowd()
        try await fact("flowd waits, and says for what") { log().contains("waiting to start") }
        #expect(third.status == nil, "it has not left")
        disk.makeRoom()
        try await fact("flowd serves") { try await place.run("version").out.contains("server") }
        #expect(try await place.run("run", "hello.json").status == 0)
        #expect(try await place.runs().count == kept.count + 1)
        third.signal(SIGTERM)
        await third.ended()
        disk.unmount()
        try await place.leave()
    }

    @Test(.enabled(if: SmallDisk.obstacle == nil, "needs root and the right to mount"))
    func `too small for a database, or read-only: refused, and nothing is half made`() async throws {
        let place = try Place()
        try Self.hello(place)
        let home = place.folder.appending(path: ".flow").path
        let tiny = try SmallDisk(at: home, kibibytes: 64)
        defer { tiny.unmount() }
        let refused = try await place.run("run", "hello.json")
        #expect(refused.status == 5 && refused.err.contains(Self.full), "\(refused.err)")
        #expect(!FileManager.default.fileExists(atPath: "\(home)/journal.db"))
        tiny.unmount()
        let disk = try SmallDisk(at: home, kibibytes: 4_096)
        defer { disk.unmount() }
        #expect(try await place.run("run", "hello.json").status == 0)
        try await disk.makeReadOnly()
        for arguments in [["run", "hello.json"], ["list"], ["doctor"]] {
            let refused = try await place.start(arguments).result()
            #expect(refused.status == 5, "\(arguments)")
            #expect((refused.err + refused.out).contains("cannot be written: Read-only file system"), "\(arguments): \(refused.err)")
        }
        disk.unmount()
        try await place.leave()
    }

    /// Needs no root: the limit on the size of one file stands for a disk that ends.
    @Test func `a journal that may not grow: refused, and taken up where it was once it may`() async throws {
        let place = try Place()
        try Self.hello(place)
        #expect(try await place.run("run", "hello.json").status == 0)
        let kept = try await place.runs()
        // In blocks of 512 bytes: less than the database that is there.
        let limited = try await place.start(
            program: "/bin/sh",
            ["-c", "trap '' XFSZ; ulimit -f 64; exec \"$0\" run hello.json", Place.binary("flowctl").path]
        ).result()
        #expect(limited.status == 5)
        #expect(limited.out.isEmpty)
        #expect(limited.err.contains("Nothing was changed") || limited.err.contains("Nothing was kept"), "\(limited.err)")
        #expect(try await place.runs() == kept)
        #expect(try await place.run("run", "hello.json").status == 0)
        try await place.leave()
    }
}
