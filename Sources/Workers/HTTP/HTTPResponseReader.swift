import FlowHTTP
import FlowModel
import FlowThreads
import FlowXML

/// Makes a step's output of an answer.
struct HTTPResponseReader: Sendable {
    private let shape: TypeShape?
    private let paths: [(name: String, path: XPath)]
    private let isExtracted: Bool
    private let changes: Bool

    /// Throws what is wrong with a path before anything is sent.
    init(_ work: HTTPWork) throws(AttemptResult.Failure) {
        shape = work.output
        changes = !work.method.isSafe
        isExtracted = work.xml != nil
        var paths: [(name: String, path: XPath)] = []
        for (name, text) in (work.xml?.paths ?? [:]).sorted(by: { $0.key < $1.key }) {
            do throws(XPathFault) {
                paths.append((name, try XPath(text, namespaces: work.xml?.namespaces ?? [:])))
            } catch {
                throw AttemptResult.Failure(.input, "nothing was sent: the path of '\(name)' cannot be read: \(error)")
            }
        }
        self.paths = paths
    }

    func outcome(of head: HTTP.Head, _ body: [UInt8], _ secrets: AttemptSecrets) async -> AttemptResult.Outcome {
        // A large answer takes a while to be read: not on the threads that everybody shares.
        await BlockingThreads.files.call {
            do throws(AttemptResult.Failure) {
                let output = secrets.patterns.masked(try output(of: head, body))
                if let character = output.forbiddenCharacter {
                    throw .init(.output, "the answer has a text with \(character), which no value may hold")
                }
                let size = output.canonicalBytes.count
                guard size <= Limits.stepOutputBytes else {
                    let most = Limits.stepOutputBytes
                    throw .init(
                        .output,
                        "the answer makes \(size) bytes of output; a step hands out at most \(most): declare with 'output:' only what is read")
                }
                return .succeeded(output: output, changed: changes)
            } catch {
                return .failed(error)
            }
        }
    }

    private func output(of head: HTTP.Head, _ body: [UInt8]) throws(AttemptResult.Failure) -> JSON {
        var members: [String: JSON] = ["status": .int(head.status), "headers": headers(head.headers), "changed": .bool(changes)]
        if isExtracted {
            members["value"] = try extracted(body)
        } else if let shape {
            members["value"] = try value(of: head, body, shape)
        } else if body.count <= Limits.stdoutValueBytes, let text = String(validating: body, as: UTF8.self),
            JSON.string(text).forbiddenCharacter == nil
        {
            members["body"] = .string(text)
        }
        return .object(members)
    }

    /// By their names in small letters; those of one name in one text, as RFC 9110 §5.3 has it.
    private func headers(_ headers: HTTP.Headers) -> JSON {
        var texts: [String: String] = [:]
        for field in headers.fields {
            let name = field.name.lowercased()
            texts[name] = texts[name].map { $0 + ", " + field.value } ?? field.value
        }
        return .object(texts.filter { JSON.string($0.value).forbiddenCharacter == nil }.mapValues(JSON.string))
    }

    // MARK: - JSON

    private func value(of head: HTTP.Head, _ body: [UInt8], _ shape: TypeShape) throws(AttemptResult.Failure) -> JSON {
        let value: JSON
        do throws(JSONError) {
            value = try JSON.parse(file: body, maxDepth: Limits.jsonDepth)
        } catch {
            let kind = head.headers["content-type"].map { ", \($0)" } ?? ""
            let shown = OutputText.keepable(String(decoding: body.prefix(80), as: UTF8.self))
            throw AttemptResult.Failure(
                .output,
                "the answer (\(head.status)\(kind), \(body.count) bytes) is not JSON: \(error)\(shown.isEmpty ? "" : "; it begins: \(shown)")")
        }
        try check(value, shape)
        return shape.part(of: value)
    }

    private func check(_ value: JSON, _ shape: TypeShape) throws(AttemptResult.Failure) {
        let faults = shape.faults(in: value)
        guard faults.isEmpty else {
            let list = faults.prefix(10).map { ($0.subject.isEmpty ? "" : "\($0.subject): ") + $0.message }.joined(separator: "; ")
            throw AttemptResult.Failure(.output, "the answer does not hold the declared \(shape): \(list)")
        }
    }

    // MARK: - XML

    private func extracted(_ body: [UInt8]) throws(AttemptResult.Failure) -> JSON {
        var members: [String: JSON] = [:]
        do throws(XMLFault) {
            // What all paths together may cost is what one may.
            var limits = XMLLimits()
            limits.steps /= max(1, paths.count)
            let document = try XMLDocument(bytes: body, limits: limits)
            for (name, path) in paths { members[name] = member(name, try document.value(of: path)) }
        } catch {
            throw AttemptResult.Failure(.output, "the answer could not be read: \(error)")
        }
        let value = JSON.object(members)
        if let shape { try check(value, shape) }
        return value
    }

    /// As the declared type has it: a list takes all that was found, anything else the first. Texts that are no value of their type stay texts, and
    /// are faults then.
    private func member(_ name: String, _ found: XMLValue) -> JSON? {
        guard let shape else {
            switch found {
            case .strings(let texts): return .array(texts.map(JSON.string))
            case .string(let text): return [.string(text)]
            case .number(let number): return [.string(JSON.number(number).text)]
            case .boolean(let truth): return [.string(truth ? "true" : "false")]
            }
        }
        var wanted = shape.member(name) ?? .string
        if case .optional(let inner) = wanted { wanted = inner }
        func typed(_ text: String, _ shape: TypeShape) -> JSON { shape.coerce(text) ?? .string(text) }
        switch (found, wanted) {
        case (.strings(let texts), .list(let element)): return .array(texts.map { typed($0, element) })
        case (.strings(let texts), _): return texts.first.map { typed($0, wanted) }
        case (.string(let text), _): return typed(text, wanted)
        case (.number(let number), .string): return .string(JSON.number(number).text)
        case (.number(let number), _): return JSON.number(number)
        case (.boolean(let truth), _): return .bool(truth)
        }
    }
}

extension JSON {
    /// A whole number where it is one; null for what is none.
    fileprivate static func number(_ number: Double) -> JSON {
        guard number.isFinite else { return .null }
        return Int(exactly: number).map(JSON.int) ?? .double(number)
    }
}
