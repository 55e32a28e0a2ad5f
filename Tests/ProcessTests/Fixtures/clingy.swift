import FlowDSL

/// Leaves processes in sessions of their own that take no notice of TERM, here and on a host.
@main struct Clingy: Flow {
    @Param("Seconds that they would sleep: what they are recognised by") var seconds: String
    @Param("Where") var hosts: Selector = "group:lab"

    var body: some FlowBody {
        parallel {
            script("here", file: "cling.sh", $seconds)
            map("there", over: $hosts, width: 3) { host in
                script("cling", file: "cling.sh", $seconds, on: host)
            }
        }
    }
}
