/// Finds all of many byte strings in one pass over a stream (Aho and Corasick, 1975).
///
/// Nearly every state has one edge, so that an edge is kept with the state that it leads to: a byte, and the next edge of the same state.
struct SecretAutomaton: Sendable {
    /// The byte that leads to a state.
    private var bytes: [UInt8] = [0]
    /// The first state that an edge of a state leads to, and the next one that an edge of the same state does; 0: none.
    private var firstEdge: [Int32] = [0]
    private var nextEdge: [Int32] = [0]
    private var fallback: [Int32] = [0]
    private var depth: [Int32] = [0]
    /// The length of the longest string that ends in a state.
    private var found: [Int32] = [0]
    /// Where the edges of the first state lead, by byte: most bytes begin nothing.
    private var begins = [Int32](repeating: 0, count: 256)

    var isEmpty: Bool { depth.count == 1 }

    init(_ strings: some Sequence<[UInt8]>) {
        for string in strings where !string.isEmpty { add(string) }
        connect()
    }

    /// Where it is after `byte`.
    func step(_ state: Int32, _ byte: UInt8) -> Int32 {
        var state = state
        while state != 0 {
            let next = edge(state, byte)
            if next != 0 { return next }
            state = fallback[Int(state)]
        }
        return begins[Int(byte)]
    }

    /// How many of the last bytes may be the beginning of a string.
    func pending(_ state: Int32) -> Int { Int(depth[Int(state)]) }

    /// How many of the last bytes are a string.
    func matched(_ state: Int32) -> Int { Int(found[Int(state)]) }

    private func edge(_ state: Int32, _ byte: UInt8) -> Int32 {
        var next = firstEdge[Int(state)]
        while next != 0, bytes[Int(next)] != byte { next = nextEdge[Int(next)] }
        return next
    }

    private mutating func add(_ string: [UInt8]) {
        var state: Int32 = 0
        for byte in string {
            var next = state == 0 ? begins[Int(byte)] : edge(state, byte)
            if next == 0 {
                next = Int32(depth.count)
                bytes.append(byte)
                firstEdge.append(0)
                nextEdge.append(state == 0 ? 0 : firstEdge[Int(state)])
                fallback.append(0)
                depth.append(depth[Int(state)] + 1)
                found.append(0)
                if state == 0 { begins[Int(byte)] = next } else { firstEdge[Int(state)] = next }
            }
            state = next
        }
        found[Int(state)] = Int32(string.count)
    }

    /// Fallbacks, from the states near the first to those far from it.
    private mutating func connect() {
        var queue = begins.filter { $0 != 0 }
        queue.reserveCapacity(depth.count)
        var place = 0
        while place < queue.count {
            let state = queue[place]
            place += 1
            found[Int(state)] = max(found[Int(state)], found[Int(fallback[Int(state)])])
            var next = firstEdge[Int(state)]
            while next != 0 {
                fallback[Int(next)] = step(fallback[Int(state)], bytes[Int(next)])
                queue.append(next)
                next = nextEdge[Int(next)]
            }
        }
    }
}
