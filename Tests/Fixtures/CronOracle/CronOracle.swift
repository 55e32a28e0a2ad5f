import FlowModel
import FlowSchedules
import Glibc

/// Compares FlowSchedules with the C library, minute by minute, round every transition of every distinct zone: the clock on the wall comes
/// from `localtime_r`, the expression is read by code of its own, and what is due is found by looking at each minute.
///
///     cron-oracle [--zones DIRECTORY] [--from 2020] [--to 2035] [--random 150] [--every 1] [--seed 1] [--break]
///
/// `--every N` takes each N-th pair of transition and expression. `--break` asks the room about the next minute instead: a check that cannot
/// fail proves nothing. Exit status 0: no difference.
@main
struct CronOracle {
    private static let windowSeconds = 36 * 3_600
    /// Labels shown again outside the window must be known inside it.
    private static let marginSeconds = 24 * 3_600
    /// 2024-02-29T00:00Z.
    private static let leapDay = 1_709_164_800
    private static let policies = ClockChange.Gap.allCases.flatMap { gap in
        ClockChange.Fold.allCases.map { ClockChange(gap: gap, fold: $0) }
    }

    private var directory = "/usr/share/zoneinfo"
    private var first = 2020
    private var last = 2035
    private var randomPatterns = 150
    private var every = 1
    private var seed: UInt64 = 1
    private var isBroken = false

    private var windows = 0
    private var comparisons = 0
    private var occurrences = 0
    private var differences = 0

    static func main() throws {
        var oracle = CronOracle()
        oracle.read(CommandLine.arguments.dropFirst())
        let isEqual = try oracle.run()
        exit(isEqual ? 0 : 1)
    }

    private mutating func read(_ arguments: ArraySlice<String>) {
        var rest = arguments
        func number(_ text: String?) -> Int { text.flatMap { Int($0) } ?? 1 }
        while let option = rest.popFirst() {
            switch option {
            case "--zones": directory = rest.popFirst() ?? directory
            case "--from": first = number(rest.popFirst())
            case "--to": last = number(rest.popFirst())
            case "--random": randomPatterns = number(rest.popFirst())
            case "--every": every = max(1, number(rest.popFirst()))
            case "--seed": seed = UInt64(number(rest.popFirst()))
            case "--break": isBroken = true
            default: complain("unknown option \(option)")
            }
        }
    }

    private mutating func run() throws -> Bool {
        let patterns = try Patterns.all(random: randomPatterns, seed: seed).map { (naive: NaivePattern($0), cron: try CronExpression($0)) }
        let files = ZoneFiles.names(in: directory)
        let rules = ZoneFiles.distinctRules(files, in: directory, years: first...max(first, last))
        for rule in rules {
            let zone = try Zone(name: rule.name, tzif: ZoneFiles.bytes(directory + "/" + rule.name))
            ZoneFiles.use(directory + "/" + rule.name)
            // A zone that never changes is looked at round a leap day.
            let moments = rule.transitions.isEmpty ? [CronOracle.leapDay] : rule.transitions
            for transition in moments { compare(zone, transition, patterns) }
        }
        print(
            "zones \(files.count), distinct rules \(rules.count), windows \(windows), patterns \(patterns.count), "
                + "policies \(CronOracle.policies.count), comparisons \(comparisons), occurrences \(occurrences), "
                + "differences \(differences), seed \(seed)")
        return differences == 0 && comparisons > 0
    }

    private mutating func compare(_ zone: Zone, _ transition: Int, _ patterns: [(naive: NaivePattern, cron: CronExpression)]) {
        let window = transition - CronOracle.windowSeconds...transition + CronOracle.windowSeconds
        let line = Timeline(round: transition, span: CronOracle.windowSeconds + CronOracle.marginSeconds)
        windows += 1
        for (index, pattern) in patterns.enumerated() where (index + windows) % every == 0 {
            let matching = pattern.naive.matching(line.shown)
            for policy in CronOracle.policies {
                let expected = CronOracle.expected(matching, policy, window)
                let found = actual(Recurrence(.cron(pattern.cron), in: zone, clockChange: policy), window)
                comparisons += 1
                occurrences += expected.count
                guard expected != found else { continue }
                differences += 1
                if differences <= 20 {
                    complain("\(zone.name) \(transition) '\(pattern.cron.text)' gap \(policy.gap.rawValue) fold \(policy.fold.rawValue)")
                    complain("  missing \(expected.filter { !found.contains($0) }.prefix(3))")
                    complain("  too many \(found.filter { !expected.contains($0) }.prefix(3))")
                }
            }
        }
    }

    /// Moment, minute on the wall, and whether it is skipped.
    private struct Due: Equatable, CustomStringConvertible {
        var at: Int
        var serial: Int
        var isSkipped: Bool

        var description: String { "at \(at) for minute \(serial)\(isSkipped ? ", skipped" : "")" }
    }

    private static func expected(_ matching: [Timeline.Shown], _ policy: ClockChange, _ window: ClosedRange<Int>) -> [Due] {
        var due: [Due] = []
        for shown in matching {
            func add(_ at: Int, isSkipped: Bool) {
                if window.contains(at) { due.append(Due(at: at, serial: shown.label.serial, isSkipped: isSkipped)) }
            }
            if shown.times.isEmpty { add(shown.jumpedTo, isSkipped: policy.gap == .skip) }
            switch policy.fold {
            case .first: shown.times.prefix(1).forEach { add($0, isSkipped: false) }
            case .last: shown.times.suffix(1).forEach { add($0, isSkipped: false) }
            case .both: shown.times.forEach { add($0, isSkipped: false) }
            }
        }
        return due.sorted { ($0.at, $0.serial) < ($1.at, $1.serial) }
    }

    private func actual(_ recurrence: Recurrence, _ window: ClosedRange<Int>) -> [Due] {
        let shift = isBroken ? 60 : 0
        let start = Instant(milliseconds: Int64(window.lowerBound + shift) * 1_000 - 1)
        let end = Instant(milliseconds: Int64(window.upperBound + shift) * 1_000)
        return recurrence.occurrences(after: .init(after: start), until: end, limit: 20_000).map {
            Due(at: Int($0.at.milliseconds / 1_000), serial: $0.wall.minutes, isSkipped: $0.skipped != nil)
        }
    }
}
