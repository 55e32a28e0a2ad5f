import FlowAPI
import FlowModel
import FlowTestKit
import HTTPTypes

/// Makes requests of a route: its path, query, header fields and body as the table and the description have them, with extremes in some places.
struct FuzzRequests {
    /// What there is in the server's world, by the name of the parameter.
    let known: [String: [String]]
    let plan: JSON
    private let schemas: [String: JSON]
    /// The texts in the plan, among them the ids by which its steps name each other.
    private let words: [String]

    init(known: [String: [String]], plan: JSON) {
        self.known = known
        self.plan = plan
        words = Set(FuzzRequests.texts(in: plan)).sorted()
        schemas = OpenAPIDocument.json["components"]?["schemas"]?.objectValue ?? [:]
    }

    func request(_ route: Route, token: String?, _ random: inout SeededRandom) -> [UInt8] {
        var target = route.path
        for name in route.parameterNames { target = target.replacing("{\(name)}", with: segment(name, route, &random)) }
        target += query(route, &random)
        var head = "\(route.method.rawValue) \(target) HTTP/1.1\r\nHost: localhost\r\n"
        if let token { head += "Authorization: Bearer \(token)\r\n" }
        head += fields(&random)
        let takesBody = route.method == .post || route.method == .put
        let body = takesBody || random.chance(0.02) ? self.body(route, &random) : []
        if takesBody || !body.isEmpty { head += "Content-Type: application/json\r\nContent-Length: \(body.count)\r\n" }
        return Array(head.utf8) + Array("\r\n".utf8) + body
    }

    // MARK: - Path, query and fields

    private func segment(_ name: String, _ route: Route, _ random: inout SeededRandom) -> String {
        let values = known["\(route.path) \(name)"] ?? known[name] ?? []
        if !values.isEmpty, random.chance(0.6) { return PercentCoding.encode(random.pick(values)) }
        let text = random.pick(FuzzValues.texts)
        // As people type it, where it can stand in a request line; else as it should be.
        let isPlain = text.utf8.allSatisfy { (0x21..<0x7F).contains($0) && $0 != UInt8(ascii: "?") && $0 != UInt8(ascii: "#") }
        return isPlain && random.chance(0.3) ? text : PercentCoding.encode(text)
    }

    private func query(_ route: Route, _ random: inout SeededRandom) -> String {
        var pairs: [String] = []
        for query in route.contract.query where random.chance(0.6) {
            for _ in 0..<(random.chance(0.1) ? 3 : 1) {
                let values = known[query.name] ?? []
                let value = !values.isEmpty && random.chance(0.4) ? random.pick(values) : random.pick(FuzzValues.texts)
                pairs.append("\(query.name)=\(random.chance(0.05) ? "%F" : PercentCoding.encode(value))")
            }
        }
        if random.chance(0.05) { pairs.append(PercentCoding.encode(random.pick(FuzzValues.texts))) }
        return pairs.isEmpty ? "" : "?" + pairs.joined(separator: "&")
    }

    private func fields(_ random: inout SeededRandom) -> String {
        var lines = ""
        for name in ["Last-Event-ID", "Idempotency-Key", "webhook-id", "webhook-timestamp", "webhook-signature", "Accept", "X-Unknown"]
        where random.chance(0.1) {
            let value = random.pick(FuzzValues.texts).filter { $0 != "\r" && $0 != "\n" && $0 != "\r\n" && $0 != "\0" }
            lines += "\(name): \(value)\r\n"
        }
        return lines
    }

    // MARK: - Body

    private func body(_ route: Route, _ random: inout SeededRandom) -> [UInt8] {
        switch random.int(0...99) {
        case 0...4: return Array(random.pick(FuzzValues.broken).utf8)
        case 5...6: return random.pick(FuzzValues.rawBytes)
        case 7: return Array(FuzzValues.json(&random).utf8)
        default: break
        }
        guard let type = route.contract.body else { return Array(random.pick(FuzzValues.texts).utf8) }
        return Array(value(["$ref": .string("#/components/schemas/\(SchemaProbe.name(of: type))")], "", &random, depth: 8).utf8)
    }

    /// A value of the schema; one time in eight something else in its place.
    private func value(_ schema: JSON, _ field: String, _ random: inout SeededRandom, depth: Int) -> String {
        guard depth > 0, !random.chance(0.12) else { return FuzzValues.json(&random) }
        if field == "plan" { return (0...random.int(0...4)).reduce(plan) { plan, _ in mutated(plan, &random) }.canonical }
        if let known = known[field], !known.isEmpty, random.chance(0.5) { return JSON.string(random.pick(known)).canonical }
        if let reference = schema["$ref"]?.stringValue {
            return value(schemas[String(reference.dropFirst("#/components/schemas/".count))] ?? [:], field, &random, depth: depth - 1)
        }
        if let choices = schema["enum"]?.arrayValue, !choices.isEmpty { return random.pick(choices).canonical }
        switch schema["type"]?.stringValue {
        case "object":
            if let members = schema["additionalProperties"] {
                let pairs = (0..<random.int(0...3)).map { number in
                    "\(JSON.string(random.pick(["a", "text", "\(number)", random.pick(FuzzValues.texts)])).canonical):"
                        + value(members, "", &random, depth: depth - 1)
                }
                return "{" + pairs.joined(separator: ",") + "}"
            }
            let required = Set(schema["required"]?.arrayValue?.compactMap(\.stringValue) ?? [])
            var pairs: [String] = []
            for (name, member) in (schema["properties"]?.objectValue ?? [:]).sorted(by: { $0.key < $1.key })
            where required.contains(name) ? !random.chance(0.03) : random.chance(0.35) {
                pairs.append("\(JSON.string(name).canonical):" + value(member, name, &random, depth: depth - 1))
            }
            if random.chance(0.02) { pairs.append("\"unknown\":1") }
            return "{" + pairs.joined(separator: ",") + "}"
        case "array":
            return "[" + (0..<random.int(0...3)).map { _ in value(schema["items"] ?? [:], "", &random, depth: depth - 1) }.joined(separator: ",")
                + "]"
        case "integer", "number": return random.pick(FuzzValues.numbers)
        case "boolean": return random.pick(["true", "false"])
        case "string": return JSON.string(random.pick(FuzzValues.texts)).canonical
        default: return FuzzValues.json(&random)
        }
    }

    private static func texts(in value: JSON) -> [String] {
        switch value {
        case .object(let members): members.values.flatMap(texts)
        case .array(let elements): elements.flatMap(texts)
        case .string(let text): [text]
        default: []
        }
    }

    /// The value with one of its parts replaced, or there twice: steps of one id, steps that stand in or need themselves or each other.
    private func mutated(_ value: JSON, _ random: inout SeededRandom) -> JSON {
        switch value {
        case .object(let members) where !members.isEmpty && !random.chance(0.05):
            var members = members
            let name = random.pick(members.keys.sorted())
            if random.chance(0.05) { members[name] = nil } else if let member = members[name] { members[name] = mutated(member, &random) }
            return .object(members)
        case .array(let elements) where !elements.isEmpty && !random.chance(0.05):
            var elements = elements
            let index = random.int(0...elements.count - 1)
            if random.chance(0.1) { elements.insert(elements[index], at: random.int(0...elements.count)) }
            if random.chance(0.05) { elements.swapAt(index, random.int(0...elements.count - 1)) }
            elements[index] = mutated(elements[index], &random)
            return .array(elements)
        case .string where random.chance(0.6): return .string(random.pick(words))
        default: return (try? JSON.parse(FuzzValues.json(&random))) ?? .null
        }
    }
}
