import FlowCommand
import Testing

@Suite("Event streams are read whole, however they arrive", .timeLimit(.minutes(10)))
struct EventStreamTests {
    private let text = ": comment\n\nid: 7\nevent: record\ndata: {\"a\":\ndata: 1}\n\r\nid:8\r\ndata:x\r\n\r\n"

    @Test func `messages do not depend on where pieces end`() throws {
        for size in 1...text.utf8.count {
            var parser = EventStreamParser()
            var messages: [EventStreamParser.Message] = []
            var rest = Array(text.utf8)[...]
            while !rest.isEmpty {
                messages += try parser.take(Array(rest.prefix(size)))
                rest = rest.dropFirst(size)
            }
            #expect(messages.map(\.event) == ["record", "message"], "pieces of \(size)")
            #expect(messages.map(\.data) == ["{\"a\":\n1}", "x"])
            #expect(messages.map(\.id) == ["7", "8"])
        }
    }

    @Test func `a message without an end is not kept for ever`() {
        var parser = EventStreamParser()
        #expect(throws: TransportFailure.self) {
            for _ in 0..<20 { _ = try parser.take([UInt8](repeating: UInt8(ascii: "x"), count: 1 << 20)) }
        }
    }
}
