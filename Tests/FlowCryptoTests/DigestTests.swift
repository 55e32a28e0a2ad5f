import FlowCrypto
import FlowEngine
import FlowModel
import Testing

@Suite("SHA-256", .timeLimit(.minutes(10)))
struct DigestTests {
    /// Of FIPS 180-4 and NIST's examples.
    private static let vectors = [
        ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (
            "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
        ),
        (
            "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu",
            "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1"
        ),
        (String(repeating: "a", count: 1_000_000), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"),
    ]

    @Test func `the vectors of the standard, from whatever holds the bytes`() {
        for (text, digest) in Self.vectors {
            let bytes = Array(text.utf8)
            #expect(Digest(of: bytes).hex == digest)
            #expect(Digest(of: text.utf8).hex == digest)
            #expect(Digest(of: ([1] + bytes).dropFirst()).hex == digest)
            #expect(Digest(of: AnySequence(bytes)).hex == digest, "without contiguous storage")
            #expect(Digest(of: bytes).bytes == FlowCryptoTests.bytes(digest))
        }
    }

    @Test func `in parts, it is that of the whole`() {
        let whole = (0..<5_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        for size in [1, 63, 64, 65, 1_000, 5_000] {
            var running = RunningDigest()
            for start in stride(from: 0, to: whole.count, by: size) {
                running.update(Array(whole[start..<min(start + size, whole.count)]))
                running.update([])
                // Others in between, on the same thread, change nothing.
                _ = Digest(of: whole)
            }
            let found = running.finish()
            #expect(found == Digest(of: whole), "\(size)")
        }
        let empty = RunningDigest().finish()
        #expect(empty == Digest(of: []))
    }

    @Test func `many at once do not mix`() async {
        let texts = (0..<64).map { "text \($0) " + String(repeating: "x", count: $0 * 7) }
        let once = texts.map { Digest(of: $0.utf8) }
        await withTaskGroup { group in
            for _ in 0..<8 {
                group.addTask {
                    for _ in 0..<200 {
                        guard texts.map({ Digest(of: $0.utf8) }) == once else { return false }
                        await Task.yield()
                    }
                    return true
                }
            }
            for await isRight in group { #expect(isRight) }
        }
    }

    /// Computed by the version that had swift-crypto: chains that are on disk.
    @Test func `the chain of a journal goes on as it began`() throws {
        let run = try #require(RunID("01890000-0000-7000-8000-000000000001"))
        let records = [
            ("started", "83f021c3c1741a955701b9857b2cdf94c4e729dfa77cfed6d488a828cdadda0c"),
            ("", "d63239a364017077ebf43dd3c1754b83c04d2d75a70a0105a0f807f0e1e3b3b2"),
            (String(repeating: "x", count: 300), "941f3c74594752bda02bc79f1749c5c8c705517f0447ab4098be5ff9f97fb37e"),
        ]
        var previous = JournalRecord.chainStart
        for (index, (text, digest)) in records.enumerated() {
            previous = Digest(
                of: JournalRecord.chainInput(
                    previous: previous, run: run, sequence: index + 1, at: Instant(milliseconds: 1_770_000_000_000 + Int64(index)),
                    bytes: Array(text.utf8)))
            #expect(previous.hex == digest)
        }
    }
}
