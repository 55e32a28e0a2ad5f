import FlowDSL

@main struct Alone: Flow {
    @Param("Its name") var name: String
    @Param("Where it leaves its marks") var folder: String

    static let overlap: Overlap = .queue

    var body: some FlowBody {
        shell("work", "cd \($folder); : > begun-\($name); while [ ! -e go-\($name) ]; do sleep 0.1; done")
    }
}
