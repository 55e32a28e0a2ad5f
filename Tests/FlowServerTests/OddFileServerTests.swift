import FlowModel
import FlowServer
import Foundation
import Glibc
import Testing

/// Files that the configuration names, and that are none: refused in words, at once.
@Suite("Odd files of a server", .timeLimit(.minutes(1)))
struct OddFileServerTests {
    @Test func `a certificate or a key that is a pipe or a device is not waited for`() throws {
        let home = try TemporaryHome()
        defer { home.remove() }
        let (pipe, device) = (home.path + "/pipe.pem", home.path + "/device.pem")
        try #require(mkfifo(pipe, 0o600) == 0 && symlink("/dev/zero", device) == 0)
        for (path, says) in [(pipe, "it is a pipe, not a file"), (device, "it is a device, not a file")] {
            let error = #expect(throws: FlowError.self) { try Certificate(path, key: path) }
            #expect(error?.message.contains("\(path) cannot be read: \(says)") == true, "\(error?.message ?? "")")
        }
        try home.write("cert.pem", "no certificate")
        let error = #expect(throws: FlowError.self) { try Certificate(home.path + "/cert.pem", key: pipe) }
        #expect(error?.message.contains("\(pipe) cannot be read: it is a pipe") == true, "\(error?.message ?? "")")
    }

    @Test func `a configuration that is a pipe, a directory or a device is refused, and one that is missing is not`() throws {
        let home = try TemporaryHome()
        defer { home.remove() }
        let path = home.path + "/flowd.yaml"
        _ = try ServerConfiguration.load(path)
        let ways: [(String, (String) -> CInt)] = [
            ("a pipe", { mkfifo($0, 0o600) }), ("a directory", { mkdir($0, 0o700) }), ("a device", { symlink("/dev/zero", $0) }),
        ]
        for (kind, make) in ways {
            try #require(make(path) == 0)
            let error = #expect(throws: FlowError.self) { try ServerConfiguration.load(path) }
            #expect(error?.message.contains("it is \(kind), not a file") == true, "\(error?.message ?? "")")
            try FileManager.default.removeItem(atPath: path)
        }
    }
}
