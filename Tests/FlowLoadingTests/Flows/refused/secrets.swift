// swift-format-ignore-file
import FlowDSL

@main struct Sample: Flow {
    @Param("Readable", secret: true) var password: String = "hunter2"
    @Param("Not a text", secret: true) var number: Int

    @Param("A host", secret: true) var host: String

    var body: some FlowBody { shell("x", "true", on: $host) }
}
// expect x: its hosts are named by the secret 'host', and everybody could see them
// expect password: is secret and has a default
// expect number: is secret, but not a String
