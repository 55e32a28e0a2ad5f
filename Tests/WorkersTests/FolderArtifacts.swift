import FlowCrypto
import FlowModel
import Foundation
import Synchronization
import Workers

/// Artifacts as files of a directory, named by digest.
final class FolderArtifacts: ArtifactStore {
    let folder: String
    /// What stands in the way of keeping the next ones.
    private let faults = Mutex<[FlowError]>([])

    init(folder: String) { self.folder = folder }

    func fail(with errors: [FlowError]) { faults.withLock { $0 = errors } }

    func keep(_ path: String, as digest: Digest) async throws {
        if let fault = faults.withLock({ $0.isEmpty ? nil : $0.removeFirst() }) { throw fault }
        let bytes = try Data(contentsOf: URL(fileURLWithPath: path))
        guard Digest(of: [UInt8](bytes)) == digest else { throw FlowError(.inputs, subject: digest.hex, "another digest") }
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try bytes.write(to: URL(fileURLWithPath: "\(folder)/\(digest.hex)"))
    }

    func size(of digest: Digest) async throws -> Int? {
        try? FileManager.default.attributesOfItem(atPath: "\(folder)/\(digest.hex)")[.size] as? Int
    }

    func read(_ digest: Digest) async throws -> [UInt8] { [UInt8](try Data(contentsOf: URL(fileURLWithPath: "\(folder)/\(digest.hex)"))) }
}
