internal import FlowModel

/// Where a step can run: a host's name, a selector that matches one host, the host of a map, or a reference to one of these.
public protocol Target: Sendable {
    /// The target as a text.
    var target: Text { get }
}

extension String: Target {
    public var target: Text { Text(self) }
}
extension Selector: Target {
    public var target: Text { Text(text) }
}
extension Text: Target {
    public var target: Text { self }
}
extension Ref: Target where Value: TargetValue {
    public var target: Text { Text(self) }
}

/// A type whose values name a host.
public protocol TargetValue: TextValue {}
extension String: TargetValue {}
extension Selector: TargetValue {}

/// The host of a map over hosts.
@dynamicMemberLookup
public struct HostReference: Reference, Target {
    let map: String

    public var reference: Ref<HostValue> { Ref(.element(map: map, path: [])) }
    public var target: Text { Text(reference.name) }

    /// `name`, `address`, `port`, `user`, `labels`.
    public subscript<Member: Decodable & Sendable>(
        dynamicMember keyPath: KeyPath<HostValue, Member>
    ) -> Ref<Member> {
        reference[dynamicMember: keyPath]
    }
}

/// A host of the inventory, as a Swift step receives it.
public struct HostValue: Codable, Hashable, Sendable {
    public var name: String
    public var address: String
    public var port: Int
    /// The account that Flow logs in as; none means its own.
    public var user: String?
    public var labels: [String: String]
}
