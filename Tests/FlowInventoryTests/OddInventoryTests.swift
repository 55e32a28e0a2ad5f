import FlowInventory
import FlowModel
import Foundation
import Glibc
import Testing

@Suite("An inventory that is no file", .timeLimit(.minutes(1)))
struct OddInventoryTests {
    @Test func `a pipe, a directory and a device are refused in words, and not waited for`() throws {
        let folder = NSTemporaryDirectory() + "flow-inventory-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let ways: [(String, (String) -> CInt)] = [
            ("a pipe", { mkfifo($0, 0o600) }), ("a directory", { mkdir($0, 0o700) }), ("a device", { symlink("/dev/zero", $0) }),
        ]
        for (kind, make) in ways {
            let path = folder + "/inventory.yaml"
            try #require(make(path) == 0)
            let error = #expect(throws: FlowError.self) { _ = try Inventory.load(path) }
            #expect(error?.message.contains("it is \(kind), not a file") == true, "\(error?.message ?? "")")
            try FileManager.default.removeItem(atPath: path)
        }
    }
}
