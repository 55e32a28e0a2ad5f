import FlowModel
import Foundation
import Glibc

/// A directory of its own for a test; `defer { home.remove() }`.
struct TemporaryHome: Sendable {
    let path: String

    init() throws {
        path = "/tmp/flow-home-\(UUID().uuidString.prefix(8))"
        guard mkdir(path, 0o700) == 0 else { throw FlowError(.internal, subject: path, "no directory") }
    }

    func remove() { try? FileManager.default.removeItem(atPath: path) }

    func write(_ name: String, _ text: String, mode: mode_t = 0o600) throws {
        try Data(text.utf8).write(to: URL(filePath: "\(path)/\(name)"))
        chmod("\(path)/\(name)", mode)
    }

    func write(_ name: String, _ bytes: [UInt8]) throws {
        try Data(bytes).write(to: URL(filePath: "\(path)/\(name)"))
        chmod("\(path)/\(name)", 0o600)
    }

    func read(_ name: String) throws -> [UInt8] { Array(try Data(contentsOf: URL(filePath: "\(path)/\(name)"))) }
}
