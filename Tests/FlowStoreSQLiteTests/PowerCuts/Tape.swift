import CRecordingVFS
import FlowTestKit
import Foundation
import Synchronization

/// What one process did to the files of a store, in order.
struct Tape: Sendable {
    struct Operation: Sendable {
        enum Kind: Sendable {
            case create
            case write(offset: Int, bytes: [UInt8])
            case truncate(size: Int)
            case sync
            case delete(isSynced: Bool)
            /// A file that the store made without SQLite and had synced before, with this content.
            case adopt([UInt8])
            /// Not an operation: what the engine was told, see `WatchedStore`.
            case begun(Int)
            case acknowledged(Int)
        }

        var kind: Kind
        var file: String
        /// Which of `surroundings` was there.
        var surroundings: Int
    }

    /// What lies beside the database, written without SQLite.
    struct Surroundings: Equatable, Sendable {
        var owner: [UInt8]?
        /// Paths of blob files.
        var blobs: [String: [UInt8]]

        /// The journal was noted as open: the store has synced its directory before.
        var isOpen: Bool { owner.map { String(decoding: $0, as: UTF8.self).contains(#""isOpen":true"#) } ?? false }
    }

    /// The files that were there at the beginning, all durable.
    var base: [String: [UInt8]]
    var operations: [Operation] = []
    var surroundings: [Surroundings] = []
}

/// Records what SQLite does to the files under one directory. One at a time.
final class Recorder: Sendable {
    private static let current = Mutex<Recorder?>(nil)

    let directory: String
    private let tape: Mutex<Tape>

    /// - Parameter weakened: commits of this process are not synced, and the store is told that they are.
    init(_ directory: String, weakened: Bool = false) throws {
        self.directory = directory
        tape = Mutex(Tape(base: try Recorder.files(in: directory)))
        Recorder.current.withLock { $0 = self }
        let code = flow_vfs_listen(
            directory + "/", { event in if let event { Recorder.current.withLock { $0 }?.take(event.pointee) } }, weakened ? 1 : 0)
        guard code == 0 else { throw StoreConformance.Failure(description: "the recording file system was not set: \(code)") }
    }

    /// Listens no more; gives what was heard.
    func stop() -> Tape {
        flow_vfs_listen(nil, nil, 0)
        Recorder.current.withLock { $0 = nil }
        return tape.withLock { $0 }
    }

    func note(_ kind: Tape.Operation.Kind) { append(kind, file: "") }

    static func files(in directory: String) throws -> [String: [UInt8]] {
        var files: [String: [UInt8]] = [:]
        for name in try FileManager.default.contentsOfDirectory(atPath: directory) where name.hasPrefix("journal.db") && !name.hasSuffix("-shm") {
            files[name] = Recorder.content(directory + "/" + name)
        }
        return files
    }

    private static func content(_ path: String) -> [UInt8]? { FileManager.default.contents(atPath: path).map { [UInt8]($0) } }

    private func take(_ event: flow_vfs_event) {
        let file = String(cString: event.path).dropFirst(directory.utf8.count + 1)
        let offset = Int(event.offset)
        switch event.kind {
        case FLOW_VFS_OPEN:
            let content = Recorder.content("\(directory)/\(file)")
            let isKnown = tape.withLock { tape in
                tape.base[String(file)] != nil || tape.operations.contains { $0.file == file }
            }
            // Of two openings that make a file only the first finds it missing.
            if content == nil {
                if offset == 1 { append(.create, file: String(file)) }
            } else if !isKnown, let content {
                append(.adopt(content), file: String(file))
            }
        case FLOW_VFS_WRITE:
            append(.write(offset: offset, bytes: [UInt8](UnsafeRawBufferPointer(start: event.bytes, count: Int(event.count)))), file: String(file))
        case FLOW_VFS_TRUNCATE: append(.truncate(size: offset), file: String(file))
        case FLOW_VFS_SYNC: append(.sync, file: String(file))
        default: append(.delete(isSynced: offset != 0), file: String(file))
        }
    }

    private func append(_ kind: Tape.Operation.Kind, file: String) {
        let now = look()
        tape.withLock { tape in
            if tape.surroundings.last != now { tape.surroundings.append(now) }
            tape.operations.append(.init(kind: kind, file: file, surroundings: tape.surroundings.count - 1))
        }
    }

    private func look() -> Tape.Surroundings {
        var blobs: [String: [UInt8]] = [:]
        for folder in (try? FileManager.default.contentsOfDirectory(atPath: directory + "/blobs")) ?? [] where folder != "incoming" {
            for name in (try? FileManager.default.contentsOfDirectory(atPath: "\(directory)/blobs/\(folder)")) ?? [] {
                blobs["\(folder)/\(name)"] = Recorder.content("\(directory)/blobs/\(folder)/\(name)")
            }
        }
        return Tape.Surroundings(owner: Recorder.content(directory + "/owner.lock"), blobs: blobs)
    }
}
