import FlowModel
import FlowServer
import FlowStoreSQLite
import Testing

@Suite("Configuration", .timeLimit(.minutes(10)))
struct ServerConfigurationTests {
    private func load(_ text: String) throws -> ServerConfiguration {
        let home = try TemporaryHome()
        defer { home.remove() }
        try home.write("flowd.yaml", text)
        return try ServerConfiguration.load("\(home.path)/flowd.yaml")
    }

    @Test func `without a file, and with an empty one, everything has its default`() throws {
        #expect(try ServerConfiguration.load("/nowhere/flowd.yaml") == ServerConfiguration())
        #expect(try load("# nothing\n") == ServerConfiguration())
        #expect(ServerConfiguration().retentionDays == 90)
    }

    @Test func `every setting is read`() throws {
        let configuration = try load(
            """
            listen: 127.0.0.1:7373
            retention: {days: 7}
            notify: {command: [/usr/local/bin/notify, --now], timeoutSeconds: 10}
            workers: {concurrency: 8, localConcurrency: 4}
            inventory: hosts.yaml
            log: {level: debug}
            """)
        #expect(configuration.listen == "127.0.0.1:7373")
        #expect(configuration.retentionDays == 7)
        #expect(configuration.notify?.command == ["/usr/local/bin/notify", "--now"])
        #expect(configuration.workers?.concurrency == 8)
        #expect(configuration.workers?.localConcurrency == 4)
        #expect(configuration.inventory == "hosts.yaml")
        #expect(configuration.log?.level == .debug)
    }

    @Test func `retention has bounds by age and number, and rules for some runs before them`() throws {
        let configuration = try load(
            """
            retention:
              days: 30
              runs: 10000
              rules:
                - {labels: {team: pay}, days: 365}
                - {flow: chores, runs: 50}
            """)
        #expect(
            configuration.retentionPolicies == [
                RetentionPolicy(labels: ["team": "pay"], days: 365), RetentionPolicy(flow: "chores", runs: 50),
                RetentionPolicy(days: 30, runs: 10_000),
            ])
        #expect(ServerConfiguration().retentionPolicies == [RetentionPolicy(days: 90)])
    }

    @Test(arguments: [
        "retention: {rules: [{days: 3}]}", "retention: {runs: -1}", "retention: {rules: [{flow: a, runs: -1}]}",
        "lisen: 127.0.0.1:1", "retention: {day: 7}", "listen: [1]", "log: {level: loud}", "a: &x {b: *x}",
        "listen: 127.0.0.1:99999",
        "listen: somewhere", "retention: {days: -1}", "workers: {concurrency: 0}", "workers: {localConcurrency: 0}", "notify: {}", "\t- [",
        "listen: 1\nlisten: 2",
        "egress: {allowed: [x]}", "egress: {forbidden: [10.0.0.0/33]}", "egress: {allowed: []}", "egress: {loop: true}",
        "notify: {command: [notify]}", "notify: {command: [/bin/true], url: 'https://x/'}",
    ])
    func `what is not known or cannot be is refused`(text: String) {
        #expect(throws: FlowError.self) { try load(text) }
    }

    @Test func `what cannot be read and what cannot be are told together`() {
        let text = "listen: 0.0.0.0:7373\nretention: {runs: -1}\nlog: {level: loud}\nlisen: 1\n"
        let error = #expect(throws: FlowError.self) { try load(text) }
        #expect(error?.errors.map(\.subject) == ["listen", "retention.runs", "log.level", "lisen"], "\(String(describing: error))")
        // Whether that is safe depends on what stands in 'tls'.
        let open = #expect(throws: FlowError.self) { try load("listen: 0.0.0.0:7373\ntls: {certificat: a.pem}\n") }
        #expect(open?.errors.contains { $0.subject == "listen" } == false)
    }

    @Test(arguments: ["0.0.0.0:7373", "[::]:7373", "10.0.0.1:7373", "example.org:80", "1270.0.0.1:80", "127.example.org:80"])
    func `plain HTTP off loopback takes a proxy that is said to be there`(address: String) throws {
        #expect(throws: FlowError.self) { try load("listen: '\(address)'") }
        #expect(try load("listen: '\(address)'\nbehindProxy: true").listen == address)
        #expect(try load("listen: '\(address)'\ntls: {certificate: a.pem, key: b.pem}").listen == address)
    }

    @Test(arguments: ["127.0.0.1:7373", "127.1.2.3:80", "[::1]:7373", "localhost:7373"])
    func `loopback needs nothing`(address: String) throws {
        #expect(try load("listen: '\(address)'").listen == address)
    }

    @Test(arguments: [
        "http://169.254.169.254/latest", "http://10.0.0.1/", "http://example.org/", "http://127.0.0.1@example.org/",
        "gopher://127.0.0.1/",
        "file:///etc/passwd", "http://[::ffff:127.0.0.1]/", "http://0.0.0.0/", "http://2130706433/",
        "http://127.0.0.1.example.org/", "http://",
    ])
    func `a hook's address that is neither https nor loopback is refused`(url: String) {
        #expect(throws: FlowError.self) { try load("notify: {url: '\(url)'}") }
    }

    @Test(arguments: [
        "http://127.0.0.1:9000/hook", "http://localhost/x?y=z", "http://[::1]:8080/", "https://hooks.example.org/flow",
    ])
    func `a hook's address on loopback or with https is taken`(url: String) throws {
        #expect(try load("notify: {url: '\(url)'}").notify?.url == url)
    }
}
