import Glibc

/// A point of the monotonic clock, in nanoseconds.
struct Tick: Comparable, Hashable, Sendable {
    var nanoseconds: UInt64

    static var now: Tick {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Tick(nanoseconds: UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec))
    }

    static func < (one: Tick, other: Tick) -> Bool { one.nanoseconds < other.nanoseconds }
    static func + (tick: Tick, duration: Duration) -> Tick {
        let (seconds, attoseconds) = duration.components
        return Tick(
            nanoseconds: tick.nanoseconds &+ UInt64(max(0, seconds)) * 1_000_000_000 &+ UInt64(max(0, attoseconds))
                / 1_000_000_000)
    }
    /// Nanoseconds from `earlier`; zero when it is later.
    func since(_ earlier: Tick) -> Duration {
        .nanoseconds(self < earlier ? 0 : Int64(nanoseconds - earlier.nanoseconds))
    }
}

/// Something with deadlines: the loop calls `tick` when the earliest one that it armed has come.
protocol Timed: AnyObject {
    /// The earliest armed deadline; kept by `Timers`.
    var armedFor: Tick? { get set }
    func tick(_ now: Tick)
}

/// The deadlines of everything on the loop, earliest first.
///
/// An object keeps its own deadlines and arms the earliest; deadlines that were moved later are found stale when they come up.
struct Timers {
    private var heap: [(at: Tick, owner: any Timed)] = []

    /// Makes sure that `owner` is called at `tick` or before.
    mutating func arm(_ owner: any Timed, at tick: Tick) {
        if let armed = owner.armedFor, armed <= tick { return }
        owner.armedFor = tick
        heap.append((tick, owner))
        var child = heap.count - 1
        while child > 0, heap[child].at < heap[(child - 1) / 2].at {
            heap.swapAt(child, (child - 1) / 2)
            child = (child - 1) / 2
        }
    }

    var earliest: Tick? { heap.first?.at }

    /// Takes out one whose deadline has come.
    mutating func due(_ now: Tick) -> (any Timed)? {
        while let first = heap.first, first.at <= now {
            removeFirst()
            if first.owner.armedFor == first.at {
                first.owner.armedFor = nil
                return first.owner
            }
        }
        return nil
    }

    private mutating func removeFirst() {
        heap.swapAt(0, heap.count - 1)
        heap.removeLast()
        var parent = 0
        while true {
            var least = parent
            for child in [2 * parent + 1, 2 * parent + 2] where child < heap.count && heap[child].at < heap[least].at {
                least = child
            }
            guard least != parent else { return }
            heap.swapAt(parent, least)
            parent = least
        }
    }
}
