import FlowDSL

/// Switches hosts over, batch by batch; one with a file `broken` fails.
@main struct Switch: Flow {
    @Param("Where to") var hosts: Selector = "group:lab"

    var body: some FlowBody {
        rollout("deploy", to: $hosts, batches: "1 10% *2", concurrency: .count(4), maxFailures: .count(1)) { host in
            shell(
                "switch",
                """
                mkdir -p /var/tmp/web
                test ! -e /var/tmp/broken
                echo switched >>/var/tmp/web/log
                sleep 0.3
                """, on: host)
        } undo: { host in
            shell("back", "echo back >>/var/tmp/web/log", on: host)
        }
    }
}
