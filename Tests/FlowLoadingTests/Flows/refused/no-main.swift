// swift-format-ignore-file
import FlowDSL

struct Sample: Flow {
    var body: some FlowBody { shell("x", "true") }
}
// expect main
