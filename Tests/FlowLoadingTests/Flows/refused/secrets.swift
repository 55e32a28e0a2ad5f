// swift-format-ignore-file
import FlowDSL

@main struct Sample: Flow {
    @Param("Readable", secret: true) var password: String = "hunter2"
    @Param("Not a text", secret: true) var number: Int

    var body: some FlowBody { shell("x", "true") }
}
// expect password: is secret and has a default
// expect number: is secret, but not a String
