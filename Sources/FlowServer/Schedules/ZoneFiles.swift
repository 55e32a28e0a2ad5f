import CFlowShims
import FlowLoading
import FlowModel
import FlowSchedules
import Synchronization

/// Time zones of the system, read once and kept, and calendars of the home, which may be changed at any time.
final class ZoneFiles: Sendable {
    private static let directory = "/usr/share/zoneinfo/"
    private static let maxBytes = 1 << 20

    /// What tells one content of a file from another, without reading it.
    private struct Stamp: Equatable {
        var node: UInt64
        var size: Int64
        var modified: Int64
    }

    private struct Known {
        /// nil for what could not be read: it is tried again with every look.
        var stamp: Stamp?
        var calendar: Result<DateCalendar, FlowError>
    }

    private let calendars: String
    private let zones = Mutex<[String: Zone]>([:])
    private let known = Mutex<[String: Known]>([:])

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

    // MARK: - Calendars

    /// As the last `look` found it; one that it did not look at is read now.
    func calendar(_ name: String) throws(FlowError) -> DateCalendar {
        if let known = known.withLock({ $0[name] }) { return try known.calendar.get() }
        return try read(name)
    }

    /// Reads those of these calendars whose files have changed, and keeps them, and no others. Gives those that say something else than
    /// before, or that were not looked at before. Blocks for as long as the disk takes.
    func look(at names: Set<String>) -> Set<String> {
        let before = known.withLock { $0 }
        var now: [String: Known] = [:]
        for name in names { now[name] = look(at: name, before[name]) }
        known.withLock { [now] in $0 = now }
        return names.filter { now[$0]?.calendar != before[$0]?.calendar }
    }

    private func look(at name: String, _ before: Known?) -> Known {
        // Before it is read: what comes meanwhile has another stamp, and is read with the next look.
        let stamp = stamp(name)
        if let before, let stamp, before.stamp == stamp { return before }
        do throws(FlowError) {
            return Known(stamp: stamp, calendar: .success(try read(name)))
        } catch {
            return Known(calendar: .failure(error))
        }
    }

    private func stamp(_ name: String) -> Stamp? {
        var facts = flow_file_facts()
        guard ZoneFiles.isPlain(name), flow_facts_of_path(path(name), &facts) == 0 else { return nil }
        return Stamp(node: facts.node, size: facts.size, modified: facts.modified)
    }

    private func path(_ name: String) -> String { calendars + name + ".txt" }

    private func read(_ name: String) throws(FlowError) -> DateCalendar {
        let path = path(name)
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
