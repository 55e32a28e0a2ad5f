import FlowDSL

struct Word: Codable, Sendable { var word: String }

/// A chain, a canary rollout, rounds, and waits of every kind between them; every execution leaves its lines.
@main struct Soak: Flow {
    @Param("File that every execution adds its lines to") var ledger: String
    @Param("Lab hosts") var hosts: Selector = "group:lab"
    @Param("Nothing may keep it", secret: true) var word: String

    var body: some FlowBody {
        for number in 1...5 { script("chain-\(number)", file: "mark.sh", $ledger) }
        waitFor("go", as: Word.self, timeout: .hours(1))
        rollout("deploy", to: $hosts, batches: "1 *2", soak: .seconds(1)) { host in
            script("switch", file: "mark.sh", $ledger, on: host)
            script("again", file: "flaky.sh", $ledger, on: host, retry: .attempts(8, delay: .seconds(0.1)))
            script("healthy", file: "mark.sh", $ledger, on: host)
            shell("tell", "echo it is \($word); printf %s \($word) | base64; echo \($word) >&2", on: host, retry: .attempts(8, delay: .seconds(0.1)))
        }
        shell("tell-here", "echo it is \($word); printf %s \($word) | base64", retry: .attempts(8, delay: .seconds(0.1)))
        sleep("rest", .seconds(1))
        repeatUntil("rounds", every: .seconds(0.5), atMost: 5) {
            let round = shell("round", "grep -c round- \($ledger) || true; echo x")
            script("marked", file: "mark.sh", $ledger)
            until(round.stdout.contains("x"))
        }
        approval("go-on", "Go on?", rules: [.anyone(count: 1)], selfApproval: true)
        map("list", over: ["a", "b", "c"], width: 3) { item in
            script("one", file: "mark.sh", $ledger)
        }
        finally { script("last", file: "mark.sh", $ledger) }
    }
}
