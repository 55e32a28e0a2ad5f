import FlowAPI
import FlowHTTP
package import FlowModel
package import FlowStoreSQLite

/// `flowd.yaml`. Everything has a default; `docs/reference/configuration.md` lists it.
package struct ServerConfiguration: Codable, Equatable, Sendable {
    /// `ADDRESS:PORT` to serve besides the socket; nothing unless given.
    package var listen: String?
    package var tls: TLS?
    /// Says that a proxy in front does TLS: allows plain HTTP off loopback.
    package var behindProxy: Bool?
    /// The names that `listen` is asked under, besides numbers and `localhost`.
    package var hosts: [String]?
    package var retention: RetentionRule?
    package var notify: Notify?
    package var workers: Workers?
    package var egress: Egress?
    /// The inventory file, absolute or relative to the home; `inventory.yaml` unless given.
    package var inventory: String?
    package var log: Log?

    package struct TLS: Codable, Equatable, Sendable {
        /// PEM files, absolute or relative to the home.
        package var certificate: String
        package var key: String
    }

    package struct RetentionRule: Codable, Equatable, Sendable {
        /// Runs that ended longer ago are deleted; 90 unless given, 0 keeps them whatever their age.
        package var days: Double?
        /// Of those that are left so many are kept, the newest; any number unless given.
        package var runs: Int?
        /// Other bounds for some runs. The first that fits a run decides about it.
        package var rules: [Exception]?

        /// Bounds for the runs of a flow, or with labels.
        package struct Exception: Codable, Equatable, Sendable {
            package var flow: String?
            package var labels: [String: String]?
            /// For ever unless given.
            package var days: Double?
            package var runs: Int?
        }
    }

    package struct Notify: Codable, Equatable, Sendable {
        /// A program and its arguments; the message is on its standard input.
        package var command: [String]?
        /// Where the message is posted. Loopback, or https.
        package var url: String?
        package var timeoutSeconds: Double?
    }

    package struct Workers: Codable, Equatable, Sendable {
        /// Attempts on hosts at once.
        package var concurrency: Int?
        /// Attempts on this machine at once.
        package var localConcurrency: Int?
        /// The account that Swift steps run as, when the server runs as root.
        package var localUser: String?
    }

    /// Where requests of `http` steps may go: networks such as `10.0.0.0/8`, and single addresses.
    package struct Egress: Codable, Equatable, Sendable {
        /// Nowhere else, if given.
        package var allowed: [String]?
        /// In place of those that are usually forbidden: link-local and metadata addresses, and what is no host.
        package var forbidden: [String]?
        /// Whether this machine's own addresses 127.0.0.0/8 and ::1 may be asked; not unless given.
        package var loopback: Bool?
    }

    package struct Log: Codable, Equatable, Sendable {
        package enum Level: String, Codable, CaseIterable, Sendable { case debug, info, notice, warning, error }
        package var level: Level?
    }

    package init() {}

    package var retentionDays: Double { retention?.days ?? 90 }

    /// In the order in which they decide.
    package var retentionPolicies: [RetentionPolicy] {
        func days(_ days: Double?) -> Double? { days == 0 ? nil : days }
        let rules = (retention?.rules ?? []).map { RetentionPolicy(flow: $0.flow, labels: $0.labels ?? [:], days: days($0.days), runs: $0.runs) }
        return rules + [RetentionPolicy(days: days(retentionDays), runs: retention?.runs)]
    }

    /// What cannot work or is not safe, all of it.
    var faults: [FlowError.Detail] {
        var faults: [FlowError.Detail] = []
        func fault(_ subject: String, _ message: String) { faults.append(.init(subject: subject, message: message)) }
        if let listen {
            if let address = try? ListenAddress(listen) {
                if !address.isLoopback, tls == nil, behindProxy != true {
                    fault(
                        "listen",
                        "'\(listen)' is not loopback: it takes 'tls', or 'behindProxy: true' with a proxy that does TLS")
                }
            } else {
                fault("listen", "'\(listen)' is not ADDRESS:PORT such as 127.0.0.1:7373 or [::1]:7373")
            }
        }
        for (number, host) in (hosts ?? []).enumerated() where HostRule.host(of: host) != host.lowercased() {
            fault("hosts.\(number)", "must be a name without a port, such as flow.example.org, found '\(host)'")
        }
        if let hosts, hosts.count > HostRule.most { fault("hosts", "has \(hosts.count) names; at most \(HostRule.most) are allowed") }
        faults += retention?.faults ?? []
        if let concurrency = workers?.concurrency, !(1...100_000).contains(concurrency) {
            fault("workers.concurrency", "must be from 1 to 100000, found \(concurrency)")
        }
        if let concurrency = workers?.localConcurrency, !(1...100_000).contains(concurrency) {
            fault("workers.localConcurrency", "must be from 1 to 100000, found \(concurrency)")
        }
        if let notify { faults += notify.faults }
        faults += egress?.faults ?? []
        return faults
    }
}

extension ServerConfiguration.RetentionRule {
    /// Rules that may be given.
    private static let most = 100

    fileprivate var faults: [FlowError.Detail] {
        var faults = Self.faults("retention", days, runs)
        let rules = rules ?? []
        if rules.count > Self.most {
            faults.append(.init(subject: "retention.rules", message: "has \(rules.count) rules; at most \(Self.most) are allowed"))
        }
        for (number, rule) in rules.prefix(Self.most).enumerated() {
            let name = "retention.rules.\(number)"
            faults += Self.faults(name, rule.days, rule.runs)
            if rule.flow == nil, rule.labels?.isEmpty != false {
                faults.append(.init(subject: name, message: "says which runs it is for: 'flow', 'labels' or both"))
            }
        }
        return faults
    }

    private static func faults(_ name: String, _ days: Double?, _ runs: Int?) -> [FlowError.Detail] {
        var faults: [FlowError.Detail] = []
        if let days, !(0...36_500).contains(days) {
            faults.append(.init(subject: "\(name).days", message: "must be from 0 to 36500, found \(JSON.double(days).text)"))
        }
        if let runs, !(0...100_000_000).contains(runs) {
            faults.append(.init(subject: "\(name).runs", message: "must be from 0 to 100000000, found \(runs)"))
        }
        return faults
    }
}

extension ServerConfiguration.Notify {
    fileprivate var faults: [FlowError.Detail] {
        var faults: [FlowError.Detail] = []
        func fault(_ subject: String, _ message: String) { faults.append(.init(subject: subject, message: message)) }
        if (command == nil) == (url == nil) { fault("notify", "takes exactly one of 'command' and 'url'") }
        if let command, command.first?.hasPrefix("/") != true {
            fault("notify.command", "begins with the absolute path of a program")
        }
        if let url, NotifyURL(url) == nil { fault("notify.url", "must be an http URL on loopback, or an https URL") }
        if let seconds = timeoutSeconds, !(1...300).contains(seconds) {
            fault("notify.timeoutSeconds", "must be from 1 to 300, found \(JSON.double(seconds).text)")
        }
        return faults
    }
}

extension ServerConfiguration.Egress {
    /// Networks that a list may have.
    private static let most = 1_000

    fileprivate var faults: [FlowError.Detail] {
        var faults: [FlowError.Detail] = []
        for (name, list) in [("egress.allowed", allowed), ("egress.forbidden", forbidden)] {
            guard let list else { continue }
            if list.count > Self.most { faults.append(.init(subject: name, message: "has \(list.count) networks; at most \(Self.most) are allowed")) }
            for (number, text) in list.prefix(Self.most).enumerated() where IPNetwork(text) == nil {
                faults.append(.init(subject: "\(name).\(number)", message: "must be a network such as 10.0.0.0/8 or 2001:db8::/32, found '\(text)'"))
            }
        }
        if allowed?.isEmpty == true { faults.append(.init(subject: "egress.allowed", message: "has no network: nothing could be asked")) }
        return faults
    }

    var rules: EgressRules {
        EgressRules(
            allowed: (allowed ?? []).compactMap { IPNetwork($0) },
            forbidden: forbidden?.compactMap { IPNetwork($0) } ?? EgressRules.usuallyForbidden, isLoopbackAllowed: loopback ?? false)
    }
}

/// `ADDRESS:PORT`, the address numeric or `localhost`.
package struct ListenAddress: Equatable, Sendable {
    package var host: String
    package var port: Int

    package init(_ text: String) throws(FlowError) {
        guard let colon = text.lastIndex(of: ":"), let port = Int(text[text.index(after: colon)...]),
            (0...65_535).contains(port)
        else {
            throw FlowError(.usage, subject: "listen", "'\(text)' is not ADDRESS:PORT.")
        }
        var host = String(text[..<colon])
        if host.hasPrefix("["), host.hasSuffix("]") { host = String(host.dropFirst().dropLast()) }
        guard !host.isEmpty else { throw FlowError(.usage, subject: "listen", "'\(text)' is not ADDRESS:PORT.") }
        self.host = host
        self.port = port
    }

    package var isLoopback: Bool { ListenAddress.isLoopback(host) }

    static func isLoopback(_ host: String) -> Bool {
        let parts = host.split(separator: ".", omittingEmptySubsequences: false)
        let isIPv4 = parts.count == 4 && parts.allSatisfy { UInt8($0) != nil }
        return host == "localhost" || host == "::1" || isIPv4 && parts[0] == "127"
    }
}
