package import FlowModel

/// Says what a sealed secret (its base64) says. Throws when it was sealed with another key.
package typealias SecretOpener = @Sendable (String) throws -> String

/// The bytes of a plan's script or of a flow binary, by digest.
package typealias BlobSource = @Sendable (Digest) async throws -> [UInt8]

/// Opens the sealed secrets of one attempt, as late as possible, and remembers them for the redactor.
struct SecretOpening {
    private let open: SecretOpener
    private(set) var opened: Set<String> = []

    init(_ open: @escaping SecretOpener) { self.open = open }

    mutating func text(_ text: String) throws(AttemptResult.Failure) -> String {
        guard SealedText.isPresent(in: text) else { return text }
        var found: [String] = []
        do {
            let plain = try SealedText.replacing(in: text) { base64 in
                let secret = try open(base64)
                found.append(secret)
                return secret
            }
            opened.formUnion(found)
            return plain
        } catch {
            throw AttemptResult.Failure(.input, "nothing was started: \(error)")
        }
    }

    mutating func value(_ value: JSON) throws(AttemptResult.Failure) -> JSON {
        switch value {
        case .string(let text): return .string(try self.text(text))
        case .array(let elements):
            var plain: [JSON] = []
            for element in elements { plain.append(try self.value(element)) }
            return .array(plain)
        case .object(let members):
            var plain: [String: JSON] = [:]
            for (name, member) in members { plain[name] = try self.value(member) }
            return .object(plain)
        default: return value
        }
    }

    mutating func shell(_ work: ShellWork) throws(AttemptResult.Failure) -> ShellWork {
        var plain = work
        for index in work.variables.indices { plain.variables[index].value = try text(work.variables[index].value) }
        for index in work.arguments.indices { plain.arguments[index] = try text(work.arguments[index]) }
        for (name, value) in work.environment { plain.environment[name] = try text(value) }
        if let workdir = work.workdir { plain.workdir = try text(workdir) }
        if let account = work.account { plain.account = try text(account) }
        return plain
    }
}
