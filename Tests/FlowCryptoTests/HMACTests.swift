import FlowCrypto
import Testing

@Suite("HMAC", .timeLimit(.minutes(10)))
struct HMACTests {
    private struct Vector {
        var key: [UInt8]
        var message: [UInt8]
        var code: String
        init(_ key: [UInt8], _ message: [UInt8], _ code: String) { (self.key, self.message, self.code) = (key, message, code) }
        init(_ key: [UInt8], _ message: String, _ code: String) { self.init(key, Array(message.utf8), code) }
    }

    private static func times(_ count: Int, _ byte: UInt8) -> [UInt8] { [UInt8](repeating: byte, count: count) }

    /// RFC 4231. Of the fifth the standard gives the first 16 bytes.
    private static let ofSHA256 = [
        Vector(times(20, 0x0b), "Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
        Vector(Array("Jefe".utf8), "what do ya want for nothing?", "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"),
        Vector(times(20, 0xaa), times(50, 0xdd), "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"),
        Vector(Array(1...25), times(50, 0xcd), "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"),
        Vector(times(20, 0x0c), "Test With Truncation", "a3b6167473100ee06e0c796c2955552b"),
        Vector(
            times(131, 0xaa), "Test Using Larger Than Block-Size Key - Hash Key First",
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"),
        Vector(
            times(131, 0xaa),
            "This is a test using a larger than block-size key and a larger than block-size data. "
                + "The key needs to be hashed before being used by the HMAC algorithm.",
            "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"),
    ]

    /// RFC 2202.
    private static let ofSHA1 = [
        Vector(times(20, 0x0b), "Hi There", "b617318655057264e28bc0b6fb378c8ef146be00"),
        Vector(Array("Jefe".utf8), "what do ya want for nothing?", "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"),
        Vector(times(20, 0xaa), times(50, 0xdd), "125d7342b9ac11cd91a39af48aa17b4f63f175d3"),
        Vector(Array(1...25), times(50, 0xcd), "4c9007f4026250c6bc8414f9bf50c86c2d7235da"),
        Vector(times(20, 0x0c), "Test With Truncation", "4c1a03424b55e07fe7f27be1d58bb9324a9a5a04"),
        Vector(times(80, 0xaa), "Test Using Larger Than Block-Size Key - Hash Key First", "aa4ae5e15272d00e95705637ce8a3b55ed402112"),
        Vector(
            times(80, 0xaa), "Test Using Larger Than Block-Size Key and Larger Than One Block-Size Data",
            "e8e99d0f45237d786d6bbaa7965c7808bbff1a91"),
    ]

    @Test func `the vectors of the standards`() {
        for (hmac, vectors) in [(HMAC.sha256, Self.ofSHA256), (.sha1, Self.ofSHA1)] {
            for vector in vectors {
                let code = hmac.code(of: vector.message, key: vector.key)
                #expect(hex(code).hasPrefix(vector.code))
                #expect(code.count == (hmac == .sha256 ? 32 : 20))
                #expect(hmac.isCode(code, of: vector.message, key: vector.key))
            }
        }
    }

    @Test func `a code with any bit changed, cut, or with more behind it is another's`() {
        let (key, message) = (Array("Jefe".utf8), Array("what do ya want for nothing?".utf8))
        for hmac in [HMAC.sha256, .sha1] {
            let code = hmac.code(of: message, key: key)
            for bit in 0..<code.count * 8 {
                var changed = code
                changed[bit / 8] ^= 1 << UInt8(bit % 8)
                #expect(!hmac.isCode(changed, of: message, key: key), "\(bit)")
            }
            for other in [[], Array(code.dropLast()), code + [0]] { #expect(!hmac.isCode(other, of: message, key: key)) }
            #expect(!hmac.isCode(code, of: message + [0], key: key))
            #expect(!hmac.isCode(code, of: message, key: key + [1]))
        }
    }

    /// Computed with swift-crypto.
    @Test func `an empty key is a key, and an empty message a message`() {
        #expect(hex(HMAC.sha256.code(of: Array("abc".utf8), key: [])) == "fd7adb152c05ef80dccf50a1fa4c05d5a3ec6da95575fc312ae7c5d091836351")
        #expect(hex(HMAC.sha1.code(of: Array("abc".utf8), key: [])) == "9b4a918f398d74d3e367970aba3cbe54e4d2b5d9")
        #expect(hex(HMAC.sha256.code(of: [], key: Self.times(200, 9))) == "114a6f634317b403f8cda1f73e91c937f1b550befe825482f04470165c03410c")
    }
}
