internal import CLibYAML

/// Why a text is not YAML, or none that is taken.
struct YAMLFault: Error {
    var message: String
    /// Counted from 1; nil when nobody knows.
    var line: Int?
}

/// A YAML document read from its beginning to its end, by libyaml, without ever being in memory as a whole.
///
/// Anchors and aliases are refused: a few lines of them can stand for more values than there is memory. So is more than one document.
final class YAMLEvents {
    enum Event {
        case scalar(YAMLNode)
        /// `isFlow`: in brackets.
        case sequence(line: Int, column: Int)
        case mapping(line: Int, column: Int, isFlow: Bool)
        /// Of a sequence or mapping.
        case end
        /// The document is over, or there is none.
        case nothing
    }

    private let bytes: UnsafeMutableBufferPointer<UInt8>
    private let parser: UnsafeMutablePointer<yaml_parser_t>

    init(_ text: String) {
        bytes = .allocate(capacity: text.utf8.count)
        _ = bytes.initialize(from: text.utf8)
        parser = .allocate(capacity: 1)
        parser.initialize(to: yaml_parser_t())
        yaml_parser_initialize(parser)
        yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING)
        yaml_parser_set_input_string(parser, bytes.baseAddress, bytes.count)
    }

    deinit {
        yaml_parser_delete(parser)
        parser.deallocate()
        bytes.deallocate()
    }

    func next() throws(YAMLFault) -> Event {
        while true {
            var event = yaml_event_t()
            guard yaml_parser_parse(parser, &event) == 1 else { throw fault() }
            defer { yaml_event_delete(&event) }
            let mark = event.start_mark
            let (line, column) = (mark.line + 1, mark.column)
            switch event.type {
            case YAML_SCALAR_EVENT:
                let scalar = event.data.scalar
                guard scalar.anchor == nil else { throw YAMLEvents.anchors(line) }
                let text = String(decoding: UnsafeBufferPointer(start: scalar.value, count: scalar.length), as: UTF8.self)
                let value = YAMLNode.Value.scalar(text, isPlain: scalar.style == YAML_PLAIN_SCALAR_STYLE)
                return .scalar(YAMLNode(value: value, line: Int(line), column: Int(column)))
            case YAML_SEQUENCE_START_EVENT:
                guard event.data.sequence_start.anchor == nil else { throw YAMLEvents.anchors(line) }
                return .sequence(line: Int(line), column: Int(column))
            case YAML_MAPPING_START_EVENT:
                guard event.data.mapping_start.anchor == nil else { throw YAMLEvents.anchors(line) }
                let isFlow = event.data.mapping_start.style == YAML_FLOW_MAPPING_STYLE
                return .mapping(line: Int(line), column: Int(column), isFlow: isFlow)
            case YAML_ALIAS_EVENT: throw YAMLEvents.anchors(line)
            case YAML_SEQUENCE_END_EVENT, YAML_MAPPING_END_EVENT: return .end
            case YAML_STREAM_START_EVENT, YAML_DOCUMENT_START_EVENT: continue
            default: return .nothing
            }
        }
    }

    /// The next value as a whole; nil at the end of what is around it.
    func node() throws(YAMLFault) -> YAMLNode? { try node(from: try next()) }

    /// The value that begins with the event; nil when none does.
    func node(from event: Event, depth: Int = InventoryLimits.depth) throws(YAMLFault) -> YAMLNode? {
        switch event {
        case .scalar(let node): return node
        case .end, .nothing: return nil
        case .sequence(let line, let column):
            guard depth > 0 else { throw YAMLEvents.depth(line) }
            var elements: [YAMLNode] = []
            while let element = try node(from: try next(), depth: depth - 1) { elements.append(element) }
            return YAMLNode(value: .sequence(elements), line: line, column: column)
        case .mapping(let line, let column, _):
            guard depth > 0 else { throw YAMLEvents.depth(line) }
            var members: [YAMLNode.Member] = []
            while let key = try node(from: try next(), depth: depth - 1), let value = try node(from: try next(), depth: depth - 1) {
                members.append(YAMLNode.Member(key: key, value: value))
            }
            return YAMLNode(value: .mapping(members), line: line, column: column)
        }
    }

    /// Nothing may come behind the document.
    func finish() throws(YAMLFault) {
        // The end of the document, then that of the stream.
        for _ in 0..<2 {
            guard case .nothing = try next() else { throw YAMLFault(message: "a second document begins; there can be one", line: line()) }
        }
    }

    // MARK: -

    private func line() -> Int { Int(parser.pointee.mark.line) + 1 }

    private func fault() -> YAMLFault {
        let state = parser.pointee
        let problem = state.problem.map { String(cString: $0) } ?? "it cannot be read"
        switch state.error {
        case YAML_READER_ERROR:
            // The mark is that of what was read ahead.
            let before = bytes.prefix(max(0, Int(state.problem_offset)))
            return YAMLFault(message: problem, line: 1 + before.count { $0 == 0x0A })
        case YAML_SCANNER_ERROR
        where state.context.map { String(cString: $0).hasSuffix("an anchor") || String(cString: $0).hasSuffix("an alias") } == true:
            return YAMLEvents.anchors(state.problem_mark.line + 1)
        default: return YAMLFault(message: problem, line: Int(state.problem_mark.line) + 1)
        }
    }

    private static func anchors(_ line: Int) -> YAMLFault {
        YAMLFault(message: "anchors and aliases (& and *) are not supported; quote a text that begins so", line: line)
    }

    private static func depth(_ line: Int) -> YAMLFault {
        YAMLFault(message: "is nested deeper than \(InventoryLimits.depth)", line: line)
    }
}
