import FlowDSL

struct Artefact: Codable, Sendable {
    var name: String
}

/// Three levels: a build, maps over it, and in each element steps; what the last one needs can be given wrongly.
@main struct Levels: Flow {
    @Param("Where everything is") var folder: String
    @Param("The channel to publish to", pattern: "[a-z]+") var channel: String

    var body: some FlowBody {
        let build = shell("build", "echo built >>\($folder)/ran; echo name=app-1 >$FLOW_OUTPUT", output: Artefact.self)
        map("publish", over: ["eu", "us"], width: 2) { region in
            shell("upload", "echo upload-\(region) >>\($folder)/ran")
            map("mirror", over: ["a", "b"], width: 1) { mirror in
                shell(
                    "link",
                    """
                    test -d \($folder)/channels/\($channel) || { echo "no channel "\($channel)" at mirror "\(mirror) >&2; exit 3; }
                    echo link-\(build.name)-\(region)-\(mirror) >>\($folder)/ran
                    """)
            }
        }
        shell("announce", "echo announced >>\($folder)/ran")
    }
}
