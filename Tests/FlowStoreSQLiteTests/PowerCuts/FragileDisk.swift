import FlowTestKit

/// A file system that has everything, and a disk that has what was synced and some of the rest.
///
/// The model: a synced write is kept. Of what was not synced when the power goes, any part may be kept, in pieces that end at sectors of
/// 512 bytes, whatever the order in which they were written. A piece that is not kept leaves what was there before; where nothing was, and
/// anywhere in the log, zeros or rubbish. Bytes round a piece stay as they are (SQLite's "power-safe overwrite", which Linux's file
/// systems give). A file that was made or deleted and not synced since may be there or not.
struct FragileDisk {
    static let sector = 512

    /// As processes see the files.
    private(set) var seen: [String: [UInt8]]
    private var kept: [String: [UInt8]]
    /// By file, in order, since it was last synced.
    private var pending: [String: [Tape.Operation.Kind]] = [:]

    init(_ base: [String: [UInt8]]) {
        seen = base
        kept = base
    }

    var isSynced: Bool { pending.isEmpty }
    /// Pieces that are at the disk's mercy.
    var pendingWrites: Int { pending.values.joined().count }

    mutating func apply(_ operation: Tape.Operation) {
        let file = operation.file
        switch operation.kind {
        case .begun, .acknowledged: return
        case .sync:
            // SQLite syncs the directory with a file that it has made.
            if pending[file]?.contains(where: { if case .create = $0 { true } else { false } }) == true { syncDirectory() }
            for kind in pending.removeValue(forKey: file) ?? [] { FragileDisk.carryOut(kind, on: &kept[file]) }
        case .adopt(let content):
            seen[file] = content
            kept[file] = content
        case .delete(isSynced: true):
            pending[file] = nil
            seen[file] = nil
            kept[file] = nil
        case .delete(isSynced: false) where kept[file] == nil && pending[file] == nil: seen[file] = nil
        case .create, .write, .truncate, .delete:
            FragileDisk.carryOut(operation.kind, on: &seen[file])
            pending[file, default: []].append(operation.kind)
        }
    }

    /// The directory was synced: what was made in it stays, what was deleted stays away.
    mutating func syncDirectory() {
        for (file, kinds) in pending {
            guard let last = kinds.lastIndex(where: { if case .create = $0 { true } else if case .delete = $0 { true } else { false } }) else {
                continue
            }
            kept[file] = if case .create = kinds[last] { [] } else { nil }
            let rest = Array(kinds[(last + 1)...])
            pending[file] = rest.isEmpty ? nil : rest
        }
    }

    private static func carryOut(_ kind: Tape.Operation.Kind, on file: inout [UInt8]?) {
        switch kind {
        case .create: file = []
        case .write(let offset, let bytes): write(bytes[...], at: offset, to: &file)
        case .truncate(let size): if let count = file?.count, count > size { file?.removeLast(count - size) }
        case .delete: file = nil
        case .sync, .adopt, .begun, .acknowledged: break
        }
    }

    private static func write(_ bytes: ArraySlice<UInt8>, at offset: Int, to file: inout [UInt8]?) {
        var content = file ?? []
        file = nil
        if content.count < offset + bytes.count { content += [UInt8](repeating: 0, count: offset + bytes.count - content.count) }
        content.replaceSubrange(offset..<offset + bytes.count, with: bytes)
        file = content
    }

    // MARK: - What is left after a power cut

    enum Loss: Hashable {
        /// All that was not synced.
        case everything
        /// All but the write that came last: often the one that makes a transaction valid.
        case allButLast
        /// This one of the pending operations, counted over all files.
        case one(Int)
        /// Each operation with this probability.
        case operations(Double)
        /// Each sector's piece of a write with this probability, and some of what is lost is rubbish.
        case sectors(Double)
    }

    func afterPowerCut(_ loss: Loss, _ random: inout SeededRandom) -> [String: [UInt8]] {
        var files = kept
        var number = 0
        let last = pendingWrites - 1
        for (file, kinds) in pending.sorted(by: { $0.key < $1.key }) {
            for kind in kinds {
                let isKept: Bool
                switch loss {
                case .everything: isKept = false
                case .allButLast: isKept = number == last
                case .one(let lost): isKept = number != lost
                case .operations(let share): isKept = !random.chance(share)
                case .sectors(let share):
                    if case .write(let offset, let bytes) = kind {
                        let firstRubbish = file.hasSuffix("-wal") ? 0 : kept[file]?.count ?? 0
                        FragileDisk.tear(bytes, at: offset, in: &files[file], share, firstRubbish, &random)
                        isKept = false
                    } else {
                        isKept = !random.chance(share)
                    }
                }
                number += 1
                if case .delete = kind, !isKept { break }
                // Without its creation there is no file to write to.
                if case .create = kind, !isKept { break }
                if isKept { FragileDisk.carryOut(kind, on: &files[file]) }
            }
        }
        return files
    }

    private static func tear(
        _ bytes: [UInt8], at offset: Int, in file: inout [UInt8]?, _ share: Double, _ firstRubbish: Int,
        _ random: inout SeededRandom
    ) {
        var start = 0
        while start < bytes.count {
            let end = min(bytes.count, (offset + start) / sector * sector + sector - offset)
            if !random.chance(share) {
                write(bytes[start..<end], at: offset + start, to: &file)
            } else if offset + start >= firstRubbish, random.chance(0.3) {
                let isZero = random.chance(0.5)
                let rubbish = (start..<end).map { _ in isZero ? 0 : UInt8(truncatingIfNeeded: random.next()) }
                write(rubbish[...], at: offset + start, to: &file)
            }
            start = end
        }
    }
}
