import FlowModel

/// Which schedule is due when, soonest first. An entry whose schedule has changed since stays until its time and is then passed over.
struct DueHeap {
    struct Entry {
        var due: Instant
        var name: String
        /// Of the schedule's place in memory when this was put in.
        var version: Int
    }

    private var heap: [Entry] = []

    var next: Instant? { heap.first?.due }

    mutating func insert(_ entry: Entry) {
        heap.append(entry)
        var child = heap.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            guard heap[child].due < heap[parent].due else { return }
            heap.swapAt(child, parent)
            child = parent
        }
    }

    mutating func popDue(at now: Instant) -> Entry? {
        guard let first = heap.first, first.due <= now else { return nil }
        heap.swapAt(0, heap.count - 1)
        heap.removeLast()
        var parent = 0
        while true {
            let left = 2 * parent + 1
            guard left < heap.count else { return first }
            let right = left + 1
            let least = right < heap.count && heap[right].due < heap[left].due ? right : left
            guard heap[least].due < heap[parent].due else { return first }
            heap.swapAt(least, parent)
            parent = least
        }
    }
}
