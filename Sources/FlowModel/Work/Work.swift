/// The work of a step, of whatever kind.
package struct Work: Hashable, Sendable {
    package var spec: any WorkSpec

    package init(_ spec: any WorkSpec) { self.spec = spec }

    package var kind: String { type(of: spec).kind }

    package static func == (one: Work, other: Work) -> Bool { one.spec.isEqual(to: other.spec) }
    package func hash(into hasher: inout Hasher) { spec.hash(into: &hasher) }
}

extension Node.Kind {
    /// The work if it is of this kind.
    package func work<Spec: WorkSpec>(as kind: Spec.Type) -> Spec? {
        if case .work(let work) = self { work.spec as? Spec } else { nil }
    }

    package static func shell(_ spec: ShellSpec) -> Node.Kind { .work(Work(spec)) }
    package static func copy(_ spec: CopySpec) -> Node.Kind { .work(Work(spec)) }
    package static func step(_ spec: SwiftStepSpec) -> Node.Kind { .work(Work(spec)) }
}
