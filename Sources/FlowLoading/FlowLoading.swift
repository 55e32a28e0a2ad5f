// FlowLoading: a flow file becomes a plan.
//
// What lives here: finding compiler and FlowDSL, compiling, evaluating under confinement, validating plans and inputs, the
// cache of all that, and the files that a new flow begins with. Every diagnostic names file and line and says what is valid.
// What it must not know: the engine, hosts, the store, HTTP. It imports FlowModel, FlowCrypto, FlowSchedules and CFlowShims.
//
//     let flow = try await FlowLoader().load(file: "flows/release.swift")
//     let inputs = try InputValidation.resolve(flow.plan.parameters, given: ["version": "1.4.2"])

/// Bounds of loading that only this room needs; `Limits` has the others.
package enum LoadLimits {
    /// Bytes of a flow file.
    package static let sourceBytes = 1 << 20
    /// Bytes of what a flow file says of itself.
    package static let envelopeBytes = 16 << 20
    /// Bytes kept of what a child writes to its standard output and error.
    package static let outputBytes = 256 << 10
    /// Bytes a flow file may write to its standard output or error until it is stopped.
    package static let spilledBytes = 16 << 20
    /// Diagnostics that one error lists.
    package static let diagnostics = 100
    /// Compiled flows that are kept.
    package static let cacheEntries = 64
    /// Characters of a parameter's pattern.
    package static let patternCharacters = 1_000
}
