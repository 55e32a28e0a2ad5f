import FlowAPI
package import FlowModel
import FoundationEssentials
import Yams

extension ServerConfiguration {
    /// A configuration file is small; a larger one is something else.
    private static let maxBytes = 64 << 10

    /// Reads `path`; the defaults when there is no such file. Unknown keys are refused.
    package static func load(_ path: String) throws(FlowError) -> ServerConfiguration {
        guard FileManager.default.fileExists(atPath: path) else { return ServerConfiguration() }
        let data: Data
        do {
            data = try Data(contentsOf: URL(filePath: path))
        } catch {
            throw FlowError(.storage, subject: path, "The server did not start: \(path) cannot be read: \(error).")
        }
        guard data.count <= maxBytes else {
            throw FlowError(.usage, subject: path, "The server did not start: \(path) has more than \(maxBytes) bytes.")
        }
        let configuration = try parse(String(decoding: data, as: UTF8.self), file: path)
        try configuration.validate(file: path)
        return configuration
    }

    static func parse(_ text: String, file: String) throws(FlowError) -> ServerConfiguration {
        let node: Yams.Node?
        do {
            node = try Yams.compose(yaml: text)
        } catch {
            throw FlowError(.usage, subject: file, "The server did not start: \(file) is not YAML: \(error).")
        }
        guard let node else { return ServerConfiguration() }
        do throws(FlowError) {
            return try StrictDecoder.decode(ServerConfiguration.self, from: try json(node, depth: 8))
        } catch {
            throw FlowError(
                .usage, subject: file, "The server did not start: \(file) is not acceptable. \(error.message)",
                errors: error.errors)
        }
    }

    private static func json(_ node: Yams.Node, depth: Int) throws(FlowError) -> JSON {
        guard depth > 0 else { throw FlowError(.usage, subject: "yaml", "It is nested too deeply.") }
        switch node {
        case .scalar(let scalar):
            guard scalar.style == .plain || scalar.style == .any else { return .string(scalar.string) }
            if let value = node.bool { return .bool(value) }
            if let value = node.int { return .int(value) }
            if let value = node.float { return .double(value) }
            return node.null == nil ? .string(scalar.string) : .null
        case .sequence(let sequence):
            var elements: [JSON] = []
            for element in sequence { elements.append(try json(element, depth: depth - 1)) }
            return .array(elements)
        case .mapping(let mapping):
            var members: [String: JSON] = [:]
            for (key, value) in mapping {
                guard let name = key.scalar?.string, members[name] == nil else {
                    throw FlowError(.usage, subject: "yaml", "A key is given twice, or is not a text.")
                }
                members[name] = try json(value, depth: depth - 1)
            }
            return .object(members)
        case .alias: throw FlowError(.usage, subject: "yaml", "Aliases are not taken.")
        }
    }
}
