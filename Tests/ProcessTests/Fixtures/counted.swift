import FlowDSL

/// Takes a number.
@main struct Counted: Flow {
    @Param("How many") var count: Int

    var body: some FlowBody { shell("say", "echo \($count)") }
}
