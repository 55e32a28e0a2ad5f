import FlowCrypto
import FlowModel
import FlowTestKit
import Foundation
import Glibc
import Testing
import Workers

/// The record of a Swift step is written by the author's process: whatever is in it, the engine lives, and every attempt has an end.
@Suite("Records of Swift steps, changed at random", .timeLimit(.minutes(2)))
struct StepRecordFuzzTests {
    private static let cases = 300
    private static let binary = Digest(bytes: [UInt8](repeating: 7, count: 32))
    /// No process has this number: the kernel gives none beyond 4,194,304.
    private static let nobody = 2_000_000_000

    private func order(_ step: String, _ node: String = "echo", mode: AttemptOrder.Mode = .start) -> AttemptOrder {
        .of(StepWork(node: node, binary: Self.binary, inputs: ["x"]), step: step, mode: mode)
    }

    private func path(_ test: PoolUnderTest, _ id: AttemptID, _ kind: String) -> String {
        let name = Digest(of: "\(id.run)/\(id.step)".utf8).hex
        return "\(test.home)/steps/\(name).\(id.number).\(kind)"
    }

    /// Where steps of this test are, which any of them says.
    private func place(_ test: PoolUnderTest, _ pool: WorkerPool) async throws -> Place {
        let first = order("first")
        _ = try await test.carryOut(first, on: pool)
        guard case .placed(let place) = test.reports.events(of: first.id).first else { throw CancellationError() }
        return place
    }

    private func started(_ place: Place, pid: Int, birth: Int = 1, at: JSON = 5) -> [UInt8] {
        JSON.object(["bootID": .string(place.bootID), "pid": .int(pid), "birth": .int(birth), "at": at]).canonicalBytes
    }

    // MARK: - What is in the files

    private static let bodies = [
        #"{"begun":true}"#, #"{"log":"a line"}"#, #"{"output":{"a":1}}"#, #"{"output":null,"dropped":7}"#, #"{"error":"no","retryAfter":1e300}"#,
        #"{"error":"late","timedOut":true}"#, #"{"dropped":9223372036854775807}"#, #"{"dropped":-9223372036854775808}"#, #"{"retryAfter":-1}"#,
        "[]", "{}", "9223372036854775807",
    ]

    private static func frame(_ random: inout SeededRandom) -> [UInt8] {
        var fuzz = TextFuzz(seed: random.next())
        let body = Array((random.chance(0.7) ? random.pick(bodies) : fuzz.text(from: bodies)).utf8)
        let length = random.chance(0.9) ? body.count : random.pick([0, 1, 255, body.count + 3, 8 << 20, (8 << 20) + 1, 0x7FFF_FFFF, 0xFFFF_FFFF])
        return (0..<4).map { UInt8(truncatingIfNeeded: length >> (24 - 8 * $0)) } + body
    }

    /// Some frames, cut or changed anywhere.
    private static func record(_ random: inout SeededRandom) -> [UInt8] {
        var bytes: [UInt8] = []
        for _ in 0..<random.int(0...6) { bytes += frame(&random) }
        guard !bytes.isEmpty, random.chance(0.5) else { return bytes }
        if random.chance(0.5) { return Array(bytes.prefix(random.int(0...bytes.count))) }
        for _ in 0..<random.int(1...4) { bytes[random.int(0...bytes.count - 1)] = UInt8(truncatingIfNeeded: random.next()) }
        return bytes
    }

    /// What is kept of an end, with extremes.
    private static func end(_ random: inout SeededRandom) -> [UInt8] {
        var fuzz = TextFuzz(seed: random.next())
        let good = [
            #"{"output":1,"outputBytes":9223372036854775807,"truncated":false}"#, #"{"lost":"gone","outputBytes":-5}"#, #"{"timedOut":true}"#,
        ]
        return Array((random.chance(0.5) ? random.pick(good) : fuzz.text(from: good)).utf8)
    }

    @Test func `whatever a record, a start or an end holds, the attempt ends or never started, and the engine goes on`() async throws {
        let test = try PoolUnderTest(folder: try TestFolder())
        var random = SeededRandom(seed: 41)
        try await test.with { pool async throws in
            let place = try await place(test, pool)
            var orders: [AttemptOrder] = []
            for number in 0..<Self.cases {
                let order = order("fuzz-\(number)", mode: .attach(place))
                let pid = random.chance(0.8) ? Self.nobody : random.pick([Int.min, -1, 0, 1, 1 << 31, Int.max])
                let at: JSON = random.chance(0.8) ? 5 : .double(random.pick([1e308, -1e308, -1, 1e17]))
                try Data(started(place, pid: pid, at: at)).write(to: URL(filePath: path(test, order.id, "started")))
                try Data(Self.record(&random)).write(to: URL(filePath: path(test, order.id, "record")))
                if random.chance(0.15) { try Data(Self.end(&random)).write(to: URL(filePath: path(test, order.id, "ended"))) }
                orders.append(order)
            }
            for order in orders { pool.dispatch(order) }
            for order in orders {
                let isOver = try await comesTrue(within: 60) {
                    test.reports.result(of: order.id) != nil || test.reports.events(of: order.id).contains(.neverStarted)
                }
                #expect(isOver, "\(order.id.step): \(test.reports.events(of: order.id))")
                if let result = test.reports.result(of: order.id) { #expect((0...1 << 61).contains(result.outputBytes), "\(result)") }
            }
            #expect(try await test.carryOut(order("last"), on: pool).output?["said"] == "x")
        }
    }

    /// One that lives, and whose start says that it began at a time that no clock has.
    @Test(arguments: [1e308, -1.0])
    func `a start that is damaged is lost, and nobody waits for its time`(_ at: Double) async throws {
        let test = try PoolUnderTest(folder: try TestFolder())
        let sleeper = try Program("/bin/sleep", ["1000"], environment: [:], in: "/")
        let stat = try #require(FileManager.default.contents(atPath: "/proc/\(sleeper.pid)/stat").map { String(decoding: $0, as: UTF8.self) })
        let birth = try #require(stat.split(separator: ")").last?.split(separator: " ").dropFirst(19).first.flatMap { Int($0) })
        try await test.with { pool async throws in
            let place = try await place(test, pool)
            var order = order("early", mode: .attach(place))
            order.timeoutSeconds = 5
            try Data(started(place, pid: Int(sleeper.pid), birth: birth, at: .double(at))).write(to: URL(filePath: path(test, order.id, "started")))
            try Data().write(to: URL(filePath: path(test, order.id, "record")))
            guard case .lost(let reason) = try await test.carryOut(order, on: pool).outcome else {
                Issue.record("\(test.reports.events(of: order.id))")
                return
            }
            #expect(reason.contains("could not be read"), "\(reason)")
        }
        await sleeper.kill()
    }

    @Test func `a former engine's step whose record makes no sense is ended before it is called lost`() async throws {
        let test = try PoolUnderTest(folder: try TestFolder())
        let sleeper = try Program("/bin/sleep", ["1000"], environment: [:], in: "/")
        let stat = try #require(FileManager.default.contents(atPath: "/proc/\(sleeper.pid)/stat").map { String(decoding: $0, as: UTF8.self) })
        let birth = try #require(stat.split(separator: ")").last?.split(separator: " ").dropFirst(19).first.flatMap { Int($0) })
        try await test.with { pool async throws in
            let place = try await place(test, pool)
            let order = order("senseless", mode: .attach(place))
            try Data(started(place, pid: Int(sleeper.pid), birth: birth)).write(to: URL(filePath: path(test, order.id, "started")))
            try Data([0xFF, 0xFF, 0xFF, 0xFF, 0]).write(to: URL(filePath: path(test, order.id, "record")))
            guard case .lost = try await test.carryOut(order, on: pool).outcome else {
                Issue.record("\(test.reports.events(of: order.id))")
                return
            }
            #expect(try await comesTrue { !sleeper.isAlive }, "it must not run beside the next attempt")
        }
        await sleeper.kill()
    }

    /// Written behind what the process writes itself: a frame without its end, and whole frames.
    @Test(arguments: ["half": true, "whole": false])
    func `a step that writes into its own record ends`(_ what: String, _ succeeds: Bool) async throws {
        let folder = try TestFolder()
        let test = try PoolUnderTest(folder: folder)
        let work = StepWork(node: "damage", binary: Self.binary, inputs: [.string(folder.file(what))])
        let damage = AttemptOrder.of(work, step: "damage")
        try await test.with { pool async throws in
            pool.dispatch(damage)
            // Its end stands in front of what was read by then.
            if what == "whole" {
                let lines = String(repeating: "mine\n", count: 50)
                while try await test.output(damage.id) != lines { try await Task.sleep(for: .milliseconds(5)) }
            }
            _ = try folder.write(what, "")
            switch try await test.result(of: damage.id).outcome {
            case .succeeded: #expect(succeeds, "lines that the process did not write are not believed")
            case .lost(let reason): #expect(!succeeds, "\(reason)")
            case let other: Issue.record("\(other)")
            }
            #expect(try await test.carryOut(order("after"), on: pool).output?["said"] == "x")
        }
    }
}
