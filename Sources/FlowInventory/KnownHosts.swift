internal import FlowCrypto
package import FlowModel
internal import FoundationEssentials

/// A `known_hosts` file (sshd(8)): which keys are known for which names.
package struct KnownHosts: Sendable {
    /// A line that was not taken, and why.
    package struct Skipped: Hashable, Sendable {
        package let line: Int
        package let reason: String
    }

    /// What importing a file would change.
    package struct Import: Hashable, Sendable {
        /// A key that a host would get.
        package struct Addition: Hashable, Sendable {
            package let host: String
            package let key: HostKey
            /// Whether the host has other keys of that type: a changed key, to be looked at twice.
            package let replacesType: Bool
        }

        package var additions: [Addition] = []
        /// Keys that a host of the inventory has and the file revokes.
        package var revoked: [Addition] = []
        /// Hosts of which the file knows no key and the inventory neither.
        package var stillUnknown: [String] = []
        package var skipped: [Skipped] = []
    }

    private struct Entry {
        let names: String
        let key: HostKey
        let isRevoked: Bool
    }

    private var entries: [Entry] = []
    package private(set) var skipped: [Skipped] = []

    /// Reads the text; lines that cannot be used are in `skipped`, none stops the others.
    package init(_ text: String) throws(FlowError) {
        guard text.utf8.count <= InventoryLimits.fileBytes else {
            throw FlowError(
                .tooLarge, subject: "known_hosts",
                "known_hosts was not read: it has more than \(InventoryLimits.fileBytes) bytes.")
        }
        for (index, line) in WrittenText.lines(of: WrittenText.withoutMark(text)).enumerated() {
            var words = line.split(whereSeparator: \.isWhitespace).map(String.init)
            guard let first = words.first, !first.hasPrefix("#") else { continue }
            var isRevoked = false
            if first.hasPrefix("@") {
                guard first == "@revoked" else {
                    let reason =
                        first == "@cert-authority"
                        ? "certificate authorities are not supported" : "'\(first)' is not a known marker"
                    skipped.append(Skipped(line: index + 1, reason: reason))
                    continue
                }
                isRevoked = true
                words.removeFirst()
            }
            guard let names = words.first else { continue }
            do throws(HostKey.Fault) {
                let key = try HostKey(words.dropFirst().joined(separator: " "))
                entries.append(Entry(names: names, key: key, isRevoked: isRevoked))
            } catch {
                skipped.append(Skipped(line: index + 1, reason: error.message))
            }
        }
    }

    /// The keys that the file knows for the hosts of the inventory, by their address or name, and that they do not have yet.
    ///
    /// A key that any line revokes for the host is never added.
    package func changes(for inventory: Inventory) -> Import {
        var changes = Import(skipped: skipped)
        for host in inventory.hosts {
            let found = entries.filter { Self.matches($0.names, host) }
            let revoked = Set(found.filter(\.isRevoked).map(\.key))
            let types = Set(host.hostKeys.compactMap { $0.split(separator: " ").first.map(String.init) })
            var added = Set<HostKey>()
            for entry in found where !entry.isRevoked && !revoked.contains(entry.key) {
                guard !host.hostKeys.contains(entry.key.text), added.insert(entry.key).inserted else { continue }
                changes.additions.append(
                    .init(host: host.name, key: entry.key, replacesType: types.contains(entry.key.type)))
            }
            for key in revoked.sorted(by: { $0.text < $1.text }) where host.hostKeys.contains(key.text) {
                changes.revoked.append(.init(host: host.name, key: key, replacesType: false))
            }
            if host.hostKeys.isEmpty, added.isEmpty { changes.stillUnknown.append(host.name) }
        }
        return changes
    }

    /// Whether the first field of a line means the host: hashed, or a list of patterns of which none with `!` fits.
    private static func matches(_ names: String, _ host: Host) -> Bool {
        let candidates = [host.address, host.name].map { name in
            host.port == 22 ? name.lowercased() : "[\(name.lowercased())]:\(host.port)"
        }
        if names.hasPrefix("|1|") { return candidates.contains { isHash(names, of: $0) } }
        let patterns = names.split(separator: ",")
        return candidates.contains { candidate in
            func fits(_ pattern: Substring) -> Bool { Glob(pattern.lowercased()).matches(candidate) }
            let isExcluded = patterns.contains { $0.hasPrefix("!") && fits($0.dropFirst()) }
            return !isExcluded && patterns.contains { !$0.hasPrefix("!") && fits($0) }
        }
    }

    /// `|1|SALT|HASH`, where the hash is HMAC-SHA1 of the name with the salt as key.
    private static func isHash(_ field: String, of name: String) -> Bool {
        let parts = field.split(separator: "|")
        guard parts.count == 3, let salt = Data(base64Encoded: String(parts[1])),
            let hash = Data(base64Encoded: String(parts[2]))
        else { return false }
        return HMAC.sha1.isCode(Array(hash), of: Array(name.utf8), key: Array(salt))
    }
}
