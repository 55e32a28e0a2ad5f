package import FlowModel

extension JSON {
    /// The value over several lines, keys sorted, two spaces a level: for people who read and programs that do not mind.
    package var pretty: String {
        var out = ""
        write(to: &out, indent: "")
        return out
    }

    private func write(to out: inout String, indent: String) {
        let inner = indent + "  "
        switch self {
        case .array(let elements) where !elements.isEmpty:
            out += "[\n"
            for (index, element) in elements.enumerated() {
                out += inner
                element.write(to: &out, indent: inner)
                out += index == elements.count - 1 ? "\n" : ",\n"
            }
            out += indent + "]"
        case .object(let members) where !members.isEmpty:
            out += "{\n"
            let sorted = members.sorted { $0.key < $1.key }
            for (index, member) in sorted.enumerated() {
                out += "\(inner)\(JSON.string(member.key).canonical): "
                member.value.write(to: &out, indent: inner)
                out += index == sorted.count - 1 ? "\n" : ",\n"
            }
            out += indent + "}"
        default: out += canonical
        }
    }
}
