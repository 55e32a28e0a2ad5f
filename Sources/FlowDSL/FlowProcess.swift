package import FlowModel
internal import Synchronization

/// What a compiled flow does when it is started.
enum FlowProcess {
    static func main<F: Flow>(_ type: F.Type, arguments: [String]) async {
        let numbers = arguments.dropFirst(2).compactMap { Int32($0) }
        switch (arguments.dropFirst().first, numbers.count) {
        case ("describe", 1): describe(type, to: Descriptor(number: numbers[0]))
        case ("serve", 2):
            await FlowHost(works: FlowDescription(of: type).works)
                .serve(from: Descriptor(number: numbers[0]), news: Descriptor(number: numbers[1]))
        default:
            Descriptor.standardError.write(
                "This is the flow '\(type.name)', compiled, called with \(arguments.dropFirst()). It is run by Flow: flowctl run FILE.swift\n")
            Descriptor.exit(2)
        }
    }

    private static func describe<F: Flow>(_ type: F.Type, to descriptor: Descriptor) {
        RefusedCall.report(to: descriptor)
        let description = FlowDescription(of: type)
        do {
            descriptor.write(String(decoding: try JSON(encoding: description.envelope).canonicalBytes, as: UTF8.self))
        } catch {
            Descriptor.standardError.write("the plan of '\(type.name)' cannot be written as JSON: \(error)\n")
            Descriptor.exit(1)
        }
        Descriptor.exit(0)
    }
}

/// What a flow file says of itself to the loader.
package struct FlowEnvelope: Codable, Sendable {
    /// The version of this form; the loader refuses one that it does not know.
    package static let currentFormat = 1

    package var format: Int
    /// Digests of embedded files are their numbers in `assets`: the loader reads the files and puts the digests in.
    package var plan: Plan
    package var diagnostics: [FlowError.Detail]
}

/// A flow's body, evaluated.
package struct FlowDescription {
    package let envelope: FlowEnvelope
    /// The Swift steps by flow, its own and those of the flows that it calls.
    let works: [String: [String: Recorder.Work]]
    let flow: any Flow

    /// - Parameter path: the flows from which it is called.
    package init<F: Flow>(of type: F.Type, calledFrom path: [String] = []) {
        let flow = F()
        self.flow = flow
        let declarations = FlowDescription.declarations(in: flow)
        let recorder = Recorder(parameters: Set(declarations.map(\.name)), path: path + [type.name])
        let (end, control) = Recorder.$current.withValue(recorder) {
            for (name, declaration) in declarations { declaration.checkPattern(of: name) }
            return (flow.body.end.node, FlowControl(of: flow))
        }
        if !path.isEmpty { recorder.checkValue(end, of: type.name) }
        let result = recorder.result
        let triggers = type.triggers.enumerated().map { $0.element.spec(of: type.name, number: $0.offset + 1) }
        let plan = Plan(
            flow: type.name, summary: type.summary.isEmpty ? nil : type.summary,
            parameters: declarations.map { $0.declaration.parameter(named: $0.name) }, nodes: result.nodes,
            assets: result.assets, dsl: FlowLanguage.version,
            triggers: triggers.isEmpty ? nil : triggers, control: control, calls: result.calls.isEmpty ? nil : result.calls)
        envelope = FlowEnvelope(format: FlowEnvelope.currentFormat, plan: plan, diagnostics: result.diagnostics)
        works = result.worksOfCalls.merging([type.name: result.works]) { _, own in own }
    }

    /// The parameters of the flow, which learn their names here: a property wrapper stores itself as `_name`.
    private static func declarations(in flow: some Flow) -> [(name: String, declaration: ParameterDeclaration)] {
        Mirror(reflecting: flow).children.compactMap { child in
            guard let param = child.value as? any AnyParam, let label = child.label else { return nil }
            let name = String(label.drop { $0 == "_" })
            param.declaration.name.withLock { $0 = name }
            return (name, param.declaration)
        }
    }
}
