import FlowModel

/// The timers of all runs, soonest first: a binary heap. A timer that was set again or removed stays until its old time and is
/// then passed over, since the machine looks at what the step waits for.
struct TimerQueue {
    private var heap: [TimerRow] = []

    var next: Instant? { heap.first?.due }

    mutating func insert(_ timer: TimerRow) {
        heap.append(timer)
        var child = heap.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            guard heap[child].due < heap[parent].due else { return }
            heap.swapAt(child, parent)
            child = parent
        }
    }

    /// The soonest timer, if its time has come.
    mutating func popDue(at now: Instant) -> TimerRow? {
        guard let first = heap.first, first.due <= now else { return nil }
        heap.swapAt(0, heap.count - 1)
        heap.removeLast()
        var parent = 0
        while true {
            let children = [2 * parent + 1, 2 * parent + 2].filter { $0 < heap.count }
            guard let least = children.min(by: { heap[$0].due < heap[$1].due }), heap[least].due < heap[parent].due else {
                break
            }
            heap.swapAt(least, parent)
            parent = least
        }
        return first
    }
}
