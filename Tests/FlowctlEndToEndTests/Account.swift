import FlowTestKit
import Foundation
import Glibc

/// An account that the programs run as, not this process's.
struct Account: Sendable {
    /// One that owns nothing here.
    static let nobody = Account(number: 65_534, obstacle: Account.obstacle(to: 65_534))

    private static let setpriv = "/usr/bin/setpriv"

    let number: UInt32
    /// Why the programs cannot run as it; nil when they can.
    let obstacle: String?

    /// What stands before a program's path.
    var words: [String] { Account.words(number) }

    private static func words(_ number: UInt32) -> [String] { [setpriv, "--reuid", "\(number)", "--regid", "\(number)", "--clear-groups"] }

    private static func obstacle(to number: UInt32) -> String? {
        guard geteuid() == 0, access(setpriv, X_OK) == 0 else { return "needs root and setpriv" }
        let probe = Process()
        probe.executableURL = URL(filePath: setpriv)
        probe.arguments = words(number).dropFirst() + [Place.binary("flowctl").path, "--help"]
        probe.standardOutput = FileHandle.nullDevice
        probe.standardError = FileHandle.nullDevice
        guard (try? probe.run()) != nil else { return "setpriv does not start" }
        probe.waitUntilExit()
        return probe.terminationStatus == 0 ? nil : "another account cannot reach \(Place.binary("flowctl").path)"
    }

    /// `flowctl` as this account.
    func start(_ place: Place, _ arguments: [String]) throws -> Program {
        try place.start(program: words[0], words.dropFirst() + [Place.binary("flowctl").path] + arguments)
    }

    /// Gives it the directory and what is in it.
    func own(_ directory: String) throws {
        let names = try FileManager.default.subpathsOfDirectory(atPath: directory).map { "\(directory)/\($0)" }
        for path in [directory] + names where lchown(path, number, number) != 0 {
            throw NotSo(description: "\(path) was not given away: \(String(cString: strerror(errno)))")
        }
    }
}
