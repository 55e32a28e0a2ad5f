import FlowModel

/// Timers by one clock, soonest first: a binary heap. A timer that was set again or removed stays until its old time and is
/// then passed over, since the machine looks at what the step waits for.
struct TimerQueue {
    private var heap: [(moment: Int64, timer: TimerRow)] = []

    /// In milliseconds of the queue's clock.
    var next: Int64? { heap.first?.moment }

    mutating func insert(_ timer: TimerRow, at moment: Int64) {
        heap.append((moment, timer))
        var child = heap.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            guard heap[child].moment < heap[parent].moment else { return }
            heap.swapAt(child, parent)
            child = parent
        }
    }

    /// The soonest timer, if its time has come.
    mutating func popDue(at now: Int64) -> TimerRow? {
        guard let first = heap.first, first.moment <= now else { return nil }
        heap.swapAt(0, heap.count - 1)
        heap.removeLast()
        var parent = 0
        while true {
            let children = [2 * parent + 1, 2 * parent + 2].filter { $0 < heap.count }
            guard let least = children.min(by: { heap[$0].moment < heap[$1].moment }), heap[least].moment < heap[parent].moment
            else {
                break
            }
            heap.swapAt(least, parent)
            parent = least
        }
        return first.timer
    }
}
