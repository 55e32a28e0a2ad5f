import FlowModel

extension RandomPlan {
    /// A call of a flow of its own, that asks for what its callers may have round the call, or for something else.
    mutating func call(_ sharing: Sharing) -> Node.Kind {
        let name = "\(flow)-\(calls.count + 1)"
        let below = Sharing(names: random.chance(0.5) ? sharing.names : sharing.names.map { "\($0)'" }, calls: sharing.calls - 1)
        calls.append(CalledFlow(plan: RandomPlan.make(using: random.split(), size: random.int(1...3), flow: name, sharing: below)))
        return .call(CallSpec(flow: name, inputs: ["n": .literal(.int(random.int(0...3)))]))
    }
}
