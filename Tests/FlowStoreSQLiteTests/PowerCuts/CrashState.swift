import FlowTestKit

/// What a process finds that starts after a crash.
struct CrashState: Sendable {
    enum Kind: String, CaseIterable, Sendable { case kill, power, torn }

    var kind: Kind
    /// After this operation of the tape.
    var cut: Int
    var files: [String: [UInt8]]
    var surroundings: Tape.Surroundings
    /// The commits that may be the last one in it: from the last that was acknowledged to the last that was begun.
    var commits: ClosedRange<Int>
}

extension Tape {
    /// How many states are made of each cut where something was not synced.
    struct Thoroughness {
        /// Seeded losses of whole operations, and of sectors.
        var subsets: Int
        var tears: Int
        /// Whether each single pending operation is lost once, all others kept.
        var eachAlone: Bool
    }

    /// Goes through every prefix of what was done: as a kill leaves it, and as a power cut may. Equal files are given once in a row.
    func forEachCrash(_ thoroughness: Thoroughness, seed: UInt64, _ body: (CrashState) async throws -> Void) async throws {
        var disk = FragileDisk(base)
        var random = SeededRandom(seed: seed)
        var (acknowledged, begun) = (0, 0)
        var last: [String: [UInt8]]?
        for (cut, operation) in operations.enumerated() {
            switch operation.kind {
            case .begun(let number): begun = number
            case .acknowledged(let number): (acknowledged, last) = (number, nil)
            default: break
            }
            disk.apply(operation)
            let surroundings = surroundings[operation.surroundings]
            if surroundings.isOpen { disk.syncDirectory() }
            func state(_ kind: CrashState.Kind, _ files: [String: [UInt8]]) -> CrashState {
                CrashState(kind: kind, cut: cut, files: files, surroundings: surroundings, commits: acknowledged...max(acknowledged, begun))
            }
            guard disk.seen != last else { continue }
            last = disk.seen
            try await body(state(.kill, disk.seen))
            guard !disk.isSynced else { continue }
            for loss in losses(of: disk, thoroughness) {
                let files = disk.afterPowerCut(loss, &random)
                if files == disk.seen { continue }
                if case .sectors = loss { try await body(state(.torn, files)) } else { try await body(state(.power, files)) }
            }
        }
    }

    private func losses(of disk: FragileDisk, _ thoroughness: Thoroughness) -> [FragileDisk.Loss] {
        var losses: [FragileDisk.Loss] = [.everything]
        let count = disk.pendingWrites
        if count > 1 {
            losses.append(.allButLast)
            if thoroughness.eachAlone { losses += (0..<count - 1).map { .one($0) } }
            losses += (0..<thoroughness.subsets).map { .operations([0.5, 0.2, 0.8][$0 % 3]) }
        }
        return losses + (0..<thoroughness.tears).map { .sectors([0.3, 0.1, 0.6][$0 % 3]) }
    }
}
