import FlowDSL

/// Brings a version to hosts and looks whether they are well; one with a file `sick` is not. What is in effect stands in `version`.
@main struct Sick: Flow {
    @Param("A folder here; the run goes on until it has a file `done`") var folder: String

    var body: some FlowBody {
        parallel {
            rollout("deploy", to: "group:lab", batches: "100%", onBreach: .hold) { host in
                shell("switch", "echo new >/var/tmp/version", on: host)
                shell("healthy", "test ! -e /var/tmp/sick", on: host)
            } undo: { host in
                shell("back", "echo old >/var/tmp/version", on: host)
            }
            shell("beside", "until test -e \($folder)/done; do sleep 0.05; done")
        }
    }
}
