// swift-format-ignore-file
import FlowDSL

@main struct Sample: Flow {
    @Param("Breaks its pattern", pattern: "[0-9]+") var build: String = "x"
    @Param("Not among its choices", choices: ["a", "b"]) var stage: String = "c"

    var body: some FlowBody { shell("x", "true") }
}
// expect build: its default must match [0-9]+
// expect stage: its default must be one of a, b
