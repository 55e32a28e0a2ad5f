/// Every kind of work that a plan may name.
package enum WorkKinds {
    package static let all: [any WorkSpec.Type] = [
        ShellSpec.self, CopySpec.self, SwiftStepSpec.self, WaitForPortSpec.self, PingSpec.self, HTTPSpec.self, FetchSpec.self,
    ]

    private static let byName = Dictionary(uniqueKeysWithValues: all.map { ($0.kind, $0) })

    package static func named(_ name: String) -> (any WorkSpec.Type)? { byName[name] }
}
