// swift-format-ignore-file
import FlowDSL

@main struct Sample: Flow {
    @Param("Version") var version: String
    @Param("Key", secret: true) var key: String

    static let triggers: [Trigger] = [
        .cron("0 25 * * *", inputs: ["version": "1", "key": "hush"]),
        .alarm("07:30 Mon-Fri", named: "no version", inputs: ["key": "hush"]),
        .at("tomorrow", named: "twice", inputs: ["version": 1, "key": "hush", "speed": 2]),
        .cron("@daily", named: "twice", inputs: ["version": "1", "key": "hush"]),
    ]

    var body: some FlowBody {
        shell("a", "echo \($version)")
    }
}
// expect trigger '1'
// expect its name must be 1-40 of a-z
// expect its input 'version' is missing
// expect 'tomorrow' is no date and time
// expect its input 'speed'
// expect there is another trigger of this name
// expect it gives the secret 'key'
