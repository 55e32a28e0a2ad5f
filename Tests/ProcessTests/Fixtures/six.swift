import FlowDSL

/// Six steps of which three run at a time, each waits for a file; one fails while another file is missing.
@main struct Six: Flow {
    @Param("Directory of the files that are waited for, and of what ran") var folder: String

    var body: some FlowBody {
        map("work", over: ["a", "b", "c", "d", "e", "f"], width: 3) { item in
            shell("wait", "echo \(item) >>\($folder)/ran; until test -e \($folder)/free; do sleep 0.05; done")
        }
        shell("last", "echo last >>\($folder)/ran; test -e \($folder)/well")
    }
}
