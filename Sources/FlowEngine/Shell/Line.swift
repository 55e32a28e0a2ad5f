import FlowModel

/// Those who have a lock, limit or rate, and those who wait for it, in order.
struct Line: Sendable {
    struct Place: Comparable, Sendable {
        var rank: Int64
        var id: ClaimRow.ID

        init(_ row: ClaimRow) {
            rank = Priority.rank(row.priority, since: row.since)
            id = row.id
        }

        /// Ids of runs sort by the time at which they were made.
        static func < (one: Place, other: Place) -> Bool {
            (one.rank, one.id.run, one.id.step) < (other.rank, other.id.run, other.id.step)
        }
    }

    private(set) var holders = Holders()
    /// Those who wait within something that is held already, and those who do not.
    private(set) var nested: [Place] = []
    private(set) var waiting: [Place] = []

    var isEmpty: Bool { holders.all.isEmpty && nested.isEmpty && waiting.isEmpty }
    var places: [Place] { nested + waiting }

    mutating func insert(_ row: ClaimRow, _ demand: Demand, isNested: Bool) {
        if row.isGranted {
            // A turn that was taken is not held.
            if !demand.isRate { holders.add(demand, of: row) }
        } else if isNested {
            Line.insert(Place(row), into: &nested)
        } else {
            Line.insert(Place(row), into: &waiting)
        }
    }

    mutating func remove(_ row: ClaimRow, _ demand: Demand) {
        if row.isGranted { return holders.remove(demand, of: row.id) }
        if !Line.remove(Place(row), from: &waiting) { _ = Line.remove(Place(row), from: &nested) }
    }

    /// How many stand before it.
    func place(of row: ClaimRow) -> Int? {
        let place = Place(row)
        let index = Line.index(of: place, in: waiting)
        if index < waiting.count, waiting[index] == place { return nested.count + index }
        return nested.firstIndex(of: place)
    }

    private static func insert(_ place: Place, into places: inout [Place]) { places.insert(place, at: index(of: place, in: places)) }

    private static func remove(_ place: Place, from places: inout [Place]) -> Bool {
        let index = index(of: place, in: places)
        guard index < places.count, places[index] == place else { return false }
        places.remove(at: index)
        return true
    }

    /// Where it is, or would be.
    private static func index(of place: Place, in places: [Place]) -> Int {
        var (low, high) = (0, places.count)
        while low < high {
            let middle = (low + high) / 2
            if places[middle] < place { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
