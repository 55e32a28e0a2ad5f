internal import FlowModel

/// Work that waits for a place, in the order in which it has its turn.
///
/// The more urgent first; a level of priority is worth `Limits.agingSeconds` of waiting, so that nobody waits for ever. Within a level the
/// flows take turns, within a flow those with different labels, and there whoever came first goes first: a flow with a thousand runs does not
/// keep one with a single run waiting.
package struct FairLine<Item: AnyObject> {
    private struct Entry {
        var item: Item
        var since: Double
    }

    /// Members that take turns: the one at the front has the next, and goes to the back with it.
    private struct Ring<Key: Hashable, Member> {
        private var order: [Key] = []
        private var first = 0
        var members: [Key: Member] = [:]

        var isEmpty: Bool { members.isEmpty }
        var front: Key? { first < order.count ? order[first] : nil }

        mutating func add(_ key: Key) { order.append(key) }

        /// The front has had its turn; it stays unless nothing is left of it.
        mutating func turn() {
            guard let key = front else { return }
            first += 1
            if members[key] != nil { order.append(key) }
            if first > 256, first * 2 > order.count {
                order.removeFirst(first)
                first = 0
            }
        }

        mutating func remove(_ key: Key) {
            members[key] = nil
            if let index = order[first...].firstIndex(of: key) { order.remove(at: index) }
        }
    }

    private struct Queue {
        private var entries: [Entry] = []
        private var first = 0

        var isEmpty: Bool { first == entries.count }
        var front: Entry? { isEmpty ? nil : entries[first] }
        var all: ArraySlice<Entry> { entries[first...] }

        mutating func append(_ entry: Entry) { entries.append(entry) }

        mutating func popFirst() -> Entry? {
            guard first < entries.count else { return nil }
            first += 1
            let entry = entries[first - 1]
            if first > 256, first * 2 > entries.count {
                entries.removeFirst(first)
                first = 0
            }
            return entry
        }

        mutating func remove(_ item: Item) -> Bool {
            guard let index = all.firstIndex(where: { $0.item === item }) else { return false }
            entries.remove(at: index)
            return true
        }
    }

    private typealias Labels = Ring<[String: String], Queue>
    private typealias Flows = Ring<String, Labels>

    private var levels: [Flows] = Array(repeating: Flows(), count: Priority.all.count)
    package private(set) var count = 0

    package init() {}

    package var isEmpty: Bool { count == 0 }

    /// - Parameter now: seconds of any clock that does not go back.
    package mutating func add(_ item: Item, flow: String, labels: [String: String], priority: Int, now: Double) {
        let level = FairLine.level(of: priority)
        if levels[level].members[flow] == nil {
            levels[level].members[flow] = Labels()
            levels[level].add(flow)
        }
        if levels[level].members[flow]?.members[labels] == nil {
            levels[level].members[flow]?.members[labels] = Queue()
            levels[level].members[flow]?.add(labels)
        }
        levels[level].members[flow]?.members[labels]?.append(Entry(item: item, since: now))
        count += 1
    }

    package mutating func next(now: Double) -> Item? {
        guard count > 0 else { return nil }
        let best = levels.indices.filter { !levels[$0].isEmpty }.max { urgency(of: $0, now) < urgency(of: $1, now) }
        guard let level = best, let flow = levels[level].front, let labels = levels[level].members[flow]?.front,
            let entry = levels[level].members[flow]?.members[labels]?.popFirst()
        else { return nil }
        count -= 1
        if levels[level].members[flow]?.members[labels]?.isEmpty == true { levels[level].members[flow]?.members[labels] = nil }
        levels[level].members[flow]?.turn()
        if levels[level].members[flow]?.isEmpty == true { levels[level].members[flow] = nil }
        levels[level].turn()
        return entry.item
    }

    package mutating func withdraw(_ item: Item, flow: String, labels: [String: String], priority: Int) -> Bool {
        let level = FairLine.level(of: priority)
        guard levels[level].members[flow]?.members[labels]?.remove(item) == true else { return false }
        count -= 1
        if levels[level].members[flow]?.members[labels]?.isEmpty == true { levels[level].members[flow]?.remove(labels) }
        if levels[level].members[flow]?.isEmpty == true { levels[level].remove(flow) }
        return true
    }

    /// Everything that waits, in no order. Nothing does after it.
    package mutating func removeAll() -> [Item] {
        let items = levels.flatMap { $0.members.values.flatMap { $0.members.values.flatMap { $0.all.map(\.item) } } }
        self = FairLine()
        return items
    }

    /// That of whoever has its next turn.
    private func urgency(of level: Int, _ now: Double) -> Double {
        guard let flow = levels[level].front, let labels = levels[level].members[flow]?.front,
            let entry = levels[level].members[flow]?.members[labels]?.front
        else { return -1 }
        return Double(level) + (now - entry.since) / Limits.agingSeconds
    }

    private static func level(of priority: Int) -> Int { min(max(priority, Priority.all.lowerBound), Priority.all.upperBound) }
}
