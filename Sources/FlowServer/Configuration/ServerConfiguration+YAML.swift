import FlowAPI
import FlowLoading
package import FlowModel
import Glibc
import Yams

extension ServerConfiguration {
    /// A configuration file is small; a larger one is something else.
    private static let maxBytes = 64 << 10

    /// Reads `path`; the defaults when there is no such file. Whatever is wrong is said at its line, all of it at once.
    package static func load(_ path: String) throws(FlowError) -> ServerConfiguration {
        guard let text = try text(of: path) else { return ServerConfiguration() }
        let document = try ConfigurationDocument(text, file: path)
        return try document.configuration()
    }

    /// nil when there is no such file.
    private static func text(of path: String) throws(FlowError) -> String? {
        let bytes: [UInt8]
        do throws(RegularFile.Fault) {
            bytes = try RegularFile.bytes(of: path, limit: maxBytes)
        } catch {
            switch error {
            case .missing: return nil
            case .tooLong: throw FlowError(.usage, subject: path, "The engine did not start: \(path) has more than \(maxBytes) bytes.")
            case .other, .failed:
                throw FlowError(
                    .storage, subject: path, "The engine did not start: \(path) cannot be read: \(error.reason).",
                    hint: "ls -l \(path)")
            }
        }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw FlowError(.usage, subject: path, "The engine did not start: \(path) is not UTF-8.")
        }
        return text
    }
}

/// `flowd.yaml` as values, with the line of each.
private struct ConfigurationDocument {
    private static let depth = 8

    let file: String
    private var json: JSON = [:]
    /// By path, such as `retention.days`.
    private var lines: [String: Int] = [:]
    private var faults: [FlowError.Detail] = []

    init(_ text: String, file: String) throws(FlowError) {
        self.file = file
        do {
            if let root = try Yams.compose(yaml: text) { json = value(of: root, at: "", depth: Self.depth) }
        } catch {
            note(error)
        }
        guard faults.isEmpty else { throw refusal(faults) }
    }

    /// Every section is read for itself, so that a fault in one does not hide those in another; those that can be read are judged, too.
    func configuration() throws(FlowError) -> ServerConfiguration {
        guard case .object(let sections) = json else {
            throw refusal([.init(subject: "", message: "must be sections (NAME: VALUE), found \(json.typeName)")])
        }
        var unread: [String: [FlowError.Detail]] = [:]
        for (name, value) in sections {
            let faults = StrictDecoder.faults(ServerConfiguration.self, in: .object([name: value]))
            if !faults.isEmpty { unread[name] = faults }
        }
        let configuration = try StrictDecoder.decode(ServerConfiguration.self, from: .object(sections.filter { unread[$0.key] == nil }))
        // Whether it is safe to listen there depends on what cannot be read.
        let isOpen = unread["tls"] != nil || unread["behindProxy"] != nil
        let judged = configuration.faults.filter { !isOpen || $0.subject != "listen" }
        let faults = unread.sorted { $0.key < $1.key }.flatMap(\.value) + judged
        guard faults.isEmpty else { throw refusal(faults) }
        return configuration
    }

    /// Puts the line to each fault, in the order of the file.
    func refusal(_ faults: [FlowError.Detail]) -> FlowError {
        let located = faults.map { fault in
            let line = lines[fault.subject].map { ":\($0)" } ?? ""
            let subject = fault.subject.isEmpty ? "the file" : fault.subject
            return FlowError.Detail(subject: subject, message: fault.message, location: fault.location ?? "\(file)\(line)")
        }
        let order = faults.indices.sorted { (lines[faults[$0].subject] ?? 0, $0) < (lines[faults[$1].subject] ?? 0, $1) }
        return FlowError(
            .usage, subject: file,
            "The engine did not start: \(file) has \(faults.count == 1 ? "a fault" : "\(faults.count) faults").",
            hint: "correct the file; docs/reference/configuration.md has every setting", errors: order.map { located[$0] })
    }

    // MARK: - Reading

    private mutating func fault(_ subject: String, _ message: String, _ line: Int?) {
        faults.append(.init(subject: subject, message: message, location: line.map { "\(file):\($0)" } ?? file))
    }

    private mutating func note(_ error: any Error) {
        switch error {
        case YamlError.scanner(_, let problem, let mark, _), YamlError.parser(_, let problem, let mark, _),
            YamlError.composer(_, let problem, let mark, _):
            fault("YAML", problem, mark.line)
        case YamlError.duplicatedKeysInMapping(let names, let context):
            for name in names { fault(name, "stands twice", context.mark.line) }
        case YamlError.reader(let problem, _, _, _): fault("YAML", problem, nil)
        default: fault("YAML", "it cannot be read", nil)
        }
    }

    private mutating func value(of node: Yams.Node, at path: String, depth: Int) -> JSON {
        if lines[path] == nil, !path.isEmpty { lines[path] = node.mark?.line }
        guard depth > 0 else {
            fault(path, "is nested deeper than \(Self.depth)", node.mark?.line)
            return .null
        }
        func inner(_ name: String) -> String { path.isEmpty ? name : "\(path).\(name)" }
        switch node {
        case .scalar(let scalar): return value(of: scalar, node)
        case .sequence(let sequence):
            return .array(sequence.enumerated().map { value(of: $1, at: inner("\($0)"), depth: depth - 1) })
        case .mapping(let mapping):
            var members: [String: JSON] = [:]
            for (key, element) in mapping {
                guard let name = key.scalar?.string else {
                    fault(path, "has a key that is not a text", key.mark?.line)
                    continue
                }
                lines[inner(name)] = key.mark?.line
                members[name] = value(of: element, at: inner(name), depth: depth - 1)
            }
            return .object(members)
        case .alias:
            fault(path, "aliases are not taken", node.mark?.line)
            return .null
        }
    }

    private func value(of scalar: Yams.Node.Scalar, _ node: Yams.Node) -> JSON {
        guard scalar.style == .plain || scalar.style == .any else { return .string(scalar.string) }
        if let value = node.bool { return .bool(value) }
        if let value = node.int { return .int(value) }
        if let value = node.float { return .double(value) }
        return node.null == nil ? .string(scalar.string) : .null
    }
}
