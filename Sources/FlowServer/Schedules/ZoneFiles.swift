import FlowLoading
import FlowModel
import FlowSchedules
import Synchronization

/// Time zones of the system and calendars of the home, read once and kept.
final class ZoneFiles: Sendable {
    private static let directory = "/usr/share/zoneinfo/"
    private static let maxBytes = 1 << 20

    private let calendars: String
    private let zones = Mutex<[String: Zone]>([:])

    /// - Parameter home: holds `calendars/NAME.txt`.
    init(home: String) { calendars = home + "/calendars/" }

    func zone(_ name: String) throws(FlowError) -> Zone {
        if name == "UTC" { return .utc }
        if let known = zones.withLock({ $0[name] }) { return known }
        guard ZoneFiles.isPlain(name), let bytes = try? RegularFile.bytes(of: ZoneFiles.directory + name, limit: ZoneFiles.maxBytes)
        else {
            throw FlowError(
                .usage, subject: name, "There is no time zone '\(name)' on this machine.",
                hint: "Give one such as Europe/Berlin; timedatectl list-timezones shows them.")
        }
        let zone = try Zone(name: name, tzif: bytes)
        zones.withLock { $0[name] = zone }
        return zone
    }

    /// Read each time it is asked for: its file may have been changed.
    func calendar(_ name: String) throws(FlowError) -> DateCalendar {
        let path = calendars + name + ".txt"
        guard ZoneFiles.isPlain(name) else {
            throw FlowError(.usage, subject: name, "There is no calendar '\(name)': \(path) cannot be read.")
        }
        let bytes: [UInt8]
        do throws(RegularFile.Fault) {
            bytes = try RegularFile.bytes(of: path, limit: ZoneFiles.maxBytes)
        } catch {
            throw FlowError(.usage, subject: name, "There is no calendar '\(name)': \(path) cannot be read: \(error.reason).")
        }
        let text: String
        do throws(WrittenText.Fault) {
            text = try WrittenText.text(of: bytes)
        } catch {
            throw FlowError(.usage, subject: name, "Calendar '\(name)' cannot be used: \(path) was not read: \(error.message).")
        }
        return try DateCalendar(name: name, text: text)
    }

    /// No way out of the directory.
    private static func isPlain(_ name: String) -> Bool {
        !name.isEmpty && name.utf8.count <= 100 && !name.hasPrefix("/") && !name.split(separator: "/").contains("..")
            && name.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F }
    }
}
