import FlowDSL

/// Five batches of two; a target ends when a file says so.
@main struct Batches: Flow {
    @Param("Where to") var hosts: Selector = "group:lab"
    @Param("Where targets are let go, and noted") var folder: String

    var body: some FlowBody {
        rollout("deploy", to: $hosts, batches: "2") { host in
            shell("switch", "echo switched >>/var/tmp/log", on: host)
            shell(
                "wait",
                """
                echo \(host.name) >>\($folder)/begun
                while ! test -e \($folder)/go-\(host.name); do sleep 0.05; done
                """)
        }
    }
}
