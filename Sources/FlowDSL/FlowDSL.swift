// FlowDSL: what the author of a flow imports.
//
// What lives here: verbs (`shell`, `step`, `approval` …) that register where they stand, typed references to what steps hand
// out, and the process side of a compiled flow: it describes itself as a plan, and later serves its Swift steps.
// What it must not know: the engine, hosts, digests, how a flow is loaded. It imports FlowModel and the standard library;
// everything public here is a promise to authors.

/// The version of the language that flow files are written in. It is part of every plan, and so of its revision.
package enum FlowLanguage {
    package static let version = "1"
}
