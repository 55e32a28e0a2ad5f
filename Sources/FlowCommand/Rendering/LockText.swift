import FlowModel
import FlowWire

/// Locks, for people: a line for each who has or waits for one.
enum LockText {
    static func table(_ locks: [Wire.Lock], now: Instant) -> Table {
        let short = ShortIDs(locks.flatMap { ($0.holders + $0.waiting).flatMap { [$0.run] + ($0.through.map { [$0] } ?? []) } })
        var table = Table("name", "place", "run", "flow", "step", "what", "priority", "for")
        for lock in locks {
            func add(_ place: String, _ claim: Wire.Claim) {
                table.add(
                    .init("\(lock.kind.rawValue) \(lock.name)"), .init(place), .init(short[claim.run]), .init(claim.flow),
                    .init(claim.step?.text ?? ""),
                    .init(claim.what + (claim.through.map { ", through run \(short[$0])" } ?? "")), .init("\(claim.priority)"),
                    .init(durationText(now.seconds(since: claim.since))))
            }
            for claim in lock.holders { add("has it", claim) }
            for (number, claim) in lock.waiting.enumerated() { add("\(number + 1) in line", claim) }
        }
        return table
    }
}
