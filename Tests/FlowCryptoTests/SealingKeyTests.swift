import FlowCrypto
import FlowModel
import Testing

@Suite("Sealing keys", .timeLimit(.minutes(10)))
struct SealingKeyTests {
    private static let context = Array("flow-sealed-1".utf8)

    private func key() throws -> SealingKey { try #require(SealingKey((0..<32).map { UInt8($0 * 7 + 3) })) }

    /// Test cases 13 to 16 of the GCM specification of McGrew and Viega, which NIST took over. A text that is sealed has a nonce of its own,
    /// so they are opened; what was sealed here opens too, so it was sealed as they were.
    @Test func `the vectors of the standard open`() throws {
        let text = """
            d9313225f88406e5a55909c5aff5269a 86a7a9531534f7da2e4c303d8a318a72 1c3c0c95956809532fcf0e2449a6b525 b16aedf5aa0de657ba637b39
            """
        let cipher = """
            522dc1f099567d07f47f37a32a84427d 643a8cdcbfe5c0c97598a2bd2555d1aa 8cb08e48590dbb3da7b08b1056828838 c5f61e6393ba7a0abcc9f662
            """
        let (zeros, long) = (String(repeating: "0", count: 64), String(repeating: "feffe9928665731c6d6a8f9467308308", count: 2))
        let (none, nonce) = (String(repeating: "0", count: 24), "cafebabefacedbaddecaf888")
        let vectors: [(key: String, context: String, text: String, sealed: String)] = [
            (zeros, "", "", none + "530f8afbc74536b9a963b4f1c4cb738b"),
            (
                zeros, "", String(repeating: "0", count: 32),
                none + "cea7403d4d606b6e074ec5d3baf39d18" + "d0d1c8a799996bf0265b98b5d48ab919"
            ),
            (long, "", text + "1aafd255", nonce + cipher + "898015ad" + "b094dac5d93471bdec1a502270e3cc6c"),
            (long, "feedfacedeadbeeffeedfacedeadbeefabaddad2", text, nonce + cipher + "76fc6ece0f4e1768cddf8853bb2d551b"),
        ]
        for vector in vectors {
            let key = try #require(SealingKey(bytes(vector.key)))
            #expect(try key.open(bytes(vector.sealed), context: bytes(vector.context)) == bytes(vector.text))
        }
    }

    /// Sealed by the version that had swift-crypto: secrets that are in databases.
    private static let kept = [
        ("hunter2", "4ac652fb060ae130b025e44fa626d1c1cbd3c16383dd25473a2a474f11e09bb3728c70"),
        ("", "7fd161358d2a6c9417a154cc64e5c27d77ca4d908e83a74a83a8c2a4"),
        ("línea\n🛰️", "a9db11df32547f610c8993097e4472e33d6270367b96adc46cdb8a86f37bb00a736e56f292b5ad2c3b40"),
        (
            String(repeating: "long ", count: 13),
            """
            cd0a41f19b30e6fa33d12555180216ff848675fc2f1f8c7033f57d94456c59c3de4e6c8a7ade76c51256d04da867130d98212f293a419e47266588418dbd822c
            dcb0791fd3ee1d92b5989a263d89e3e26bbfaac300b7ae6d3f6f2dacd1
            """
        ),
    ]

    @Test func `what was sealed before opens`() throws {
        for (text, sealed) in Self.kept { #expect(try key().open(bytes(sealed), context: Self.context) == Array(text.utf8)) }
        let withoutContext = bytes("5fd38f8d62ccd6ce4364a3be98445d8f81d51a4a5b8603cc3f1b555cf647a60414e8f616fd31")
        #expect(try key().open(withoutContext, context: []) == Array("no context".utf8))
        let code = try key().code(of: Array(#"{"inputs":{"token":"x"}}"#.utf8))
        #expect(code.hex == "c3ef221a429c72fea3728e82c5b3bfb3a353a6de0b497dd798b76b77f6551292")
    }

    @Test func `nothing that was changed or cut opens, nor with another context or key`() throws {
        let key = try key()
        let other = try #require(SealingKey([UInt8](repeating: 7, count: 32)))
        for (_, hex) in Self.kept {
            let sealed = bytes(hex)
            for bit in 0..<sealed.count * 8 {
                var changed = sealed
                changed[bit / 8] ^= 1 << UInt8(bit % 8)
                #expect(throws: CryptoFault.notGenuine, "bit \(bit)") { try key.open(changed, context: Self.context) }
            }
            for count in 0..<sealed.count {
                #expect(throws: CryptoFault.notGenuine, "\(count) bytes") { try key.open(Array(sealed.prefix(count)), context: Self.context) }
            }
            #expect(throws: CryptoFault.notGenuine) { try key.open(sealed + [0], context: Self.context) }
            for bit in 0..<Self.context.count * 8 {
                var context = Self.context
                context[bit / 8] ^= 1 << UInt8(bit % 8)
                #expect(throws: CryptoFault.notGenuine, "bit \(bit) of the context") { try key.open(sealed, context: context) }
            }
            #expect(throws: CryptoFault.notGenuine) { try key.open(sealed, context: []) }
            #expect(throws: CryptoFault.notGenuine) { try other.open(sealed, context: Self.context) }
        }
    }

    @Test func `what is sealed opens again, in the form that it had, and never looks the same`() throws {
        let key = try key()
        for count in [0, 1, 15, 16, 17, 1_000, 100_000] {
            let text = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 13) }
            for context in [Self.context, []] {
                let sealed = try key.seal(text, context: context)
                #expect(sealed.count == 12 + count + 16)
                #expect(try key.open(sealed, context: context) == text)
                #expect(try key.seal(text, context: context).prefix(12) != sealed.prefix(12), "a nonce is never used again")
            }
        }
    }

    @Test func `a key has 32 bytes`() {
        for count in [0, 16, 31, 33, 64] { #expect(SealingKey([UInt8](repeating: 1, count: count)) == nil) }
    }

    @Test func `random bytes are as many as asked for, and others each time`() {
        for count in [0, 1, 7, 8, 9, 32, 1_000] { #expect(SystemRandom.bytes(count).count == count) }
        #expect(Set((0..<100).map { _ in SystemRandom.bytes(16) }).count == 100)
    }
}
