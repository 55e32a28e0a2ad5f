import FlowDSL

@main struct Locked: Flow {
    @Param("Its name") var name: String
    @Param("Where it leaves its marks") var folder: String

    var body: some FlowBody {
        shell(
            "work", "cd \($folder); : > begun-\($name); while [ ! -e go-\($name) ]; do sleep 0.1; done",
            lock: .exclusive("db-test"), limit: .slots("api", of: 2))
    }
}
