import FlowModel
import FlowTestKit
import Testing

/// Nothing that a person, a program or an old database can say ends the process: a trap here ends the test.
@Suite("Parsers of the model", .timeLimit(.minutes(10)))
struct ParserFuzzTests {
    private func every(_ seed: UInt64, _ good: [String], _ body: (String, inout TextFuzz) throws -> Void) rethrows {
        var fuzz = TextFuzz(seed: seed)
        for _ in 0..<TextFuzz.cases { try body(fuzz.text(from: good), &fuzz) }
    }

    @Test func `sizes of batches cut any number of targets into batches that end with the last`() {
        every(11, ["1 10% *2 +5", "100%", "1000000 *1000000", "0.5% 33.3%", "1", "5 +1"]) { text, fuzz in
            guard let sizes = try? BatchSizes(text) else { return }
            #expect((try? BatchSizes(sizes.text)) == sizes)
            let total = fuzz.random.int(0...300)
            let ends = sizes.ends(of: total, after: fuzz.random.int(0...20))
            #expect(ends.last ?? total == total || total < 20)
            #expect(zip(ends, ends.dropFirst()).allSatisfy { $0 < $1 })
        }
    }

    @Test func `amounts and rates that are printed are read back as the same`() {
        every(12, ["3", "5%", "33.3%", "100%", "0", "0%", "30/min", "5/10s", "600/h", "1/0.5s", "7/2min"]) { text, fuzz in
            if let amount = Amount(text) {
                #expect(amount.fault == nil && Amount(amount.description) == amount, "\(text)")
                let total = fuzz.random.int(0...1_000)
                if case .percent = amount { #expect((0...total).contains(amount.of(total)) && amount.rounded(up: total) >= amount.of(total)) }
            }
            if let rate = StartRate(text), rate.fault == nil {
                #expect(StartRate(rate.description) == rate, "\(text)")
                _ = rate.moment(after: [.earliest, Instant(milliseconds: 0), .latest], now: .latest)
            }
        }
    }

    @Test func `numbers that no check has seen, as an old plan may have them, are put up with`() {
        var fuzz = TextFuzz(seed: 13)
        for _ in 0..<TextFuzz.cases {
            for amount in [Amount.percent(fuzz.seconds()), .count(fuzz.integer())] {
                _ = (amount.description, amount.of(1_000), amount.rounded(up: 1_000), amount.fault)
                if case .percent = amount { #expect((0...1_000).contains(amount.rounded(up: 1_000))) }
            }
            let rate = StartRate(count: fuzz.integer(), seconds: fuzz.seconds())
            _ = (rate.description, rate.fault, rate.moment(after: [Instant(milliseconds: 0)], now: Instant(milliseconds: 5)))
            let retry = Retry(
                attempts: 3, delaySeconds: fuzz.seconds(), factor: fuzz.seconds(), maxDelaySeconds: fuzz.seconds(), jitter: fuzz.seconds())
            let due = Instant(milliseconds: 0) + retry.delay(afterFailures: fuzz.random.int(0...1_000), chance: 0.5)
            #expect(due >= .earliest && due <= .latest)
            _ = Priority.rank(fuzz.random.int(0...9), since: Instant(milliseconds: Int64(fuzz.integer())))
        }
    }

    @Test func `JSON that is read is written and read back as the same`() {
        let good = [
            #"{"a":[1,-0,1.5,1e3,true,null,"\u00e9\ud83d\ude00\n"],"b":{"c":""}}"#, "[9223372036854775807,-9223372036854775808,1e308]",
            #""\u0041""#, "[[[[]]]]",
        ]
        every(14, good) { text, _ in
            guard let value = try? JSON.parse(text) else { return }
            #expect((try? JSON.parse(value.canonical)) == value)
            _ = (value.text, value.doubleValue, try? value.decode(as: JSON.self))
        }
        // Digits, and no sign: `UInt32` would take one.
        #expect(throws: JSONError.self) { try JSON.parse(#""\u+041""#) }
    }

    @Test func `texts for a parameter mean a value that the parameter accepts, or none`() {
        let kinds: [Parameter.Kind] = [.string, .int, .double, .bool, .selector, .list(.int), .list(.list(.double))]
        let shapes: [TypeShape] = [.int, .double, .bool, .optional(.int), .list(.string), .object([.init(name: "a", shape: .int)])]
        every(15, ["1", "-5", "1.5", "true", "a,b", "[1,2]", "[\"a\"]", "1e3", "{\"a\":1}"]) { text, _ in
            for kind in kinds {
                guard let value = InputValidation.parse(text, as: kind) else { continue }
                _ = InputValidation.faults(of: value, for: Parameter(name: "p", kind: kind))
            }
            for shape in shapes { if let value = shape.coerce(text) { _ = shape.faults(in: value) } }
        }
    }

    @Test func `names and patterns of all kinds`() {
        every(16, ["web-*", "a?b*c", "**", "0190a5c6-7e1f-7abc-8def-0123456789ab", "low", "9", "<redacted>"]) { text, fuzz in
            #expect(Glob(text).matches(text))
            if let id = RunID(text) { #expect(RunID(id.text) == id) }
            if let digest = Digest(hex: text) { #expect(Digest(hex: digest.hex) == digest) }
            _ = (Priority.value(of: text), SealedText.redacted(.string(text)), WrittenText.lines(of: text))
            _ = nearestNames(to: text, in: ["web", text, ""])
            _ = fuzz.random.next()
        }
    }

    @Test func `lines are the same with every end, and none is lost`() throws {
        every(17, ["a\nb\n\nc", "a\r\nb", "\r\n\r", "\u{FEFF}a\rb"]) { text, _ in
            let lines = WrittenText.lines(of: text)
            #expect(lines.allSatisfy { !$0.utf8.contains(0x0A) && !$0.utf8.contains(0x0D) })
            for end in ["\r\n", "\r"] { #expect(WrittenText.lines(of: lines.joined(separator: end)) == lines) }
        }
        #expect(try WrittenText.text(of: [0xEF, 0xBB, 0xBF] + Array("a".utf8)) == "a")
        for bytes: [UInt8] in [[0xFF, 0xFE, 0x61, 0], [0xFE, 0xFF, 0, 0x61]] {
            let fault = #expect(throws: WrittenText.Fault.self) { try WrittenText.text(of: bytes) }
            #expect(fault?.message.contains("UTF-16") == true)
            let error = #expect(throws: JSONError.self) { try JSON.parse(file: bytes) }
            #expect(error?.message == fault?.message)
        }
        #expect(throws: WrittenText.Fault.self) { try WrittenText.text(of: [0x61, 0xFF]) }
    }

    // MARK: - Whole documents

    @Test func `a plan in JSON, changed at random, is refused or can be checked`() throws {
        let approval = ApprovalSpec(prompt: .literal("go?"), rules: [.anyone(count: 1)], deadlineSeconds: 60, remindSeconds: 60)
        let kinds: [Node.Kind] = [
            .approval(approval), .waitFor(SignalSpec(signal: "s", timeoutSeconds: 5)), .sleep(.literal(5)),
            .repeatUntil(RepeatSpec(until: .literal(true), intervalSeconds: 1, maximum: 3)),
            .rollout(RolloutSpec(targets: .literal("all"), batches: .all, concurrency: .percent(50), soakSeconds: 5)),
            .map(MapSpec(elements: .list(.literal([1])), width: 2, minSucceeded: .percent(50))),
        ]
        let retry = Retry(attempts: 3, maxElapsedSeconds: 50)
        let nodes = kinds.enumerated().map { number, kind in
            Node(id: "s\(number)", name: "s\(number)", kind: kind, policy: Policy(retry: retry, timeoutSeconds: 5))
        }
        let good = try nodes.map { try JSON(encoding: $0).canonical }
        var found = 0
        every(18, good) { text, _ in
            guard let json = try? JSON.parse(text, maxDepth: Limits.planDepth), let node = try? json.decode(as: Node.self) else { return }
            found += PlanTimes.faults(of: node).count
        }
        #expect(found > 0)
        #expect(nodes.allSatisfy { PlanTimes.faults(of: $0).isEmpty })
    }

    @Test func `schedules, rules and adjustments in JSON are refused or read`() throws {
        var schedule = ScheduleSpec(flow: "f")
        (schedule.cron, schedule.jitterSeconds, schedule.maxAgeSeconds) = ("0 0 * * *", 5, 6)
        schedule.blackouts = [.init(from: Instant("2026-01-01T00:00:00Z"), until: Instant("2026-02-01T00:00:00Z"))]
        var rule = ChangeRuleSpec(reason: "r")
        (rule.from, rule.until) = (Instant("2026-01-01T00:00:00Z"), Instant("2026-02-01T00:00:00Z"))
        let adjustment = RolloutAdjustment(maxFailures: .percent(5), startRate: StartRate(count: 1, seconds: 5), batches: .all, pauseAfterBatch: 2)
        let good = [try JSON(encoding: schedule).canonical, try JSON(encoding: rule).canonical, try JSON(encoding: adjustment).canonical]
        every(19, good) { text, _ in
            guard let json = try? JSON.parse(text) else { return }
            if let spec = try? json.decode(as: ScheduleSpec.self) { #expect((try? JSON(encoding: spec)) != nil) }
            _ = try? json.decode(as: ChangeRuleSpec.self)
            _ = try? json.decode(as: RolloutAdjustment.self)
        }
    }
}
