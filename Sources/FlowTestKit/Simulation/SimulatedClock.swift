internal import FlowEngine
internal import FlowModel

/// The clock on the wall of a simulated engine, which somebody sets now and then, and the timers that go by the one that nobody sets.
struct SimulatedClock: Sendable {
    struct Timer {
        var step: Int
        var due: Instant
        /// In seconds that have passed.
        var moment: Int
    }

    /// Seconds by which it is set.
    private static let jumps = [-86_400, -3_600, -30, -5, 5, 30, 3_600, 86_400]

    /// Of its own, so that a seed without jumps is what it was.
    var random: SeededRandom
    /// What it shows beyond the seconds that have passed, since when.
    private var shifts = [(from: 0, seconds: 0)]
    /// What steps wait for, and those of these times for which a timer is still to fire.
    private var known: [Int: Set<Instant>] = [:]
    private var timers: [Timer] = []

    init(seed: UInt64) { random = SeededRandom(seed: seed &* 3 &+ 1) }

    func wall(at now: Int) -> Instant { Instant(milliseconds: Int64(now + (shifts.last?.seconds ?? 0)) * 1_000) }

    var isRight: Bool { shifts.last?.seconds == 0 }

    /// Somebody sets it, in a world that goes wrong; or right.
    mutating func jump(_ run: Run, at now: Int, isRight: Bool = false) {
        shifts.append((now, isRight ? 0 : (shifts.last?.seconds ?? 0) + random.pick(Self.jumps)))
        // A time of the day is the wall's.
        for index in timers.indices where Self.isOfDay(run.steps[timers[index].step], run) {
            timers[index].moment = moment(of: timers[index].due, at: now)
        }
    }

    private func moment(of due: Instant, at now: Int) -> Int {
        now + max(0, Int((due.milliseconds - wall(at: now).milliseconds + 999) / 1_000))
    }

    private static func isOfDay(_ step: Step, _ run: Run) -> Bool {
        if let kind = step.waiting?.kind, [.freeze, .window].contains(kind) { return true }
        if case .sleepUntil = run.plan.nodes[step.node].kind { return step.waiting?.kind == .timer } else { return false }
    }

    /// Seconds since it showed that time last.
    func seconds(since wall: Instant, at now: Int) -> Double { Double(now) - (moments(of: wall, at: now).last ?? 0) }

    /// When it showed that time, in seconds that had passed.
    func moments(of wall: Instant, at now: Int) -> [Double] {
        shifts.indices.compactMap { index in
            let end = shifts[(index + 1)...].first?.from ?? now
            let shown = Double(wall.milliseconds) / 1_000 - Double(shifts[index].seconds)
            return (Double(shifts[index].from)...Double(max(end, shifts[index].from))).contains(shown) ? shown : nil
        }
    }

    // MARK: - Timers

    /// The one that fires next: of those for the same moment that of the first step.
    var next: Timer? { timers.min { ($0.moment, $0.step, $0.due) < ($1.moment, $1.step, $1.due) } }

    mutating func remove(_ timer: Timer) {
        timers.removeAll { $0.step == timer.step && $0.due == timer.due }
        known[timer.step]?.remove(timer.due)
    }

    /// Sets what is new, as the engine does: a time that stays keeps its moment.
    mutating func set(_ run: Run, at now: Int) {
        for (number, step) in run.steps.enumerated() where step.due != nil || known[number] != nil {
            let (dues, before) = (step.dues, known[number] ?? [])
            guard dues != before else { continue }
            known[number] = dues.isEmpty ? nil : dues
            timers.removeAll { $0.step == number && !dues.contains($0.due) }
            for due in dues.subtracting(before) {
                timers.append(Timer(step: number, due: due, moment: moment(of: due, at: now)))
            }
        }
    }

    /// Another engine begins, and knows only what the clock shows.
    mutating func restart(_ run: Run, at now: Int) {
        (known, timers) = ([:], [])
        set(run, at: now)
    }
}

extension RunSimulation {
    /// What the clock shows.
    var wall: Instant { clock.wall(at: now) }
}
