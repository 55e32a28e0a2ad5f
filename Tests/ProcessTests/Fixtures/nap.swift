import FlowDSL

/// Does nothing for long.
@main struct Nap: Flow {
    var body: some FlowBody { sleep("nap", .hours(24)) }
}
