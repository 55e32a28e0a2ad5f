import FlowXML
import Glibc
import Testing

extension XMLDocument {
    init(_ text: String, limits: XMLLimits = XMLLimits()) throws(XMLFault) { try self.init(bytes: Array(text.utf8), limits: limits) }

    func value(_ text: String, _ namespaces: [String: String] = [:]) throws -> XMLValue { try value(of: XPath(text, namespaces: namespaces)) }
}

/// What reading it fails with; nil: it does not.
func fault(_ bytes: [UInt8], _ limits: XMLLimits = XMLLimits()) -> XMLFault? {
    do {
        _ = try XMLDocument(bytes: bytes, limits: limits)
        return nil
    } catch {
        return error
    }
}

func fault(_ text: String, _ limits: XMLLimits = XMLLimits()) -> XMLFault? { fault(Array(text.utf8), limits) }

/// What an expression fails with on a document.
func fault(_ expression: String, on document: XMLDocument) throws -> XMLFault? {
    let xpath = try XPath(expression)
    do {
        _ = try document.value(of: xpath)
        return nil
    } catch {
        return error
    }
}

/// The same numbers for the same seed (SplitMix64).
struct SeededNumbers: RandomNumberGenerator {
    private var state: UInt64
    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    mutating func below(_ count: Int) -> Int { Int.random(in: 0..<count, using: &self) }

    mutating func one<Element>(of elements: [Element]) -> Element { elements[below(elements.count)] }
}

/// What the thread computes meanwhile: others on the machine do not count.
func cpuSeconds(_ work: () throws -> Void) rethrows -> Double {
    func now() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }
    let start = now()
    try work()
    return now() - start
}
