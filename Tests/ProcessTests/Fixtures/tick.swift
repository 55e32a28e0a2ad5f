import FlowDSL

/// What a schedule starts every minute.
@main struct Tick: Flow {
    var body: some FlowBody { shell("tick", "true") }
}
