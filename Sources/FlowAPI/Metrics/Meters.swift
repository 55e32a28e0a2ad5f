import Synchronization

/// Figures for Prometheus, in its text form. Small on purpose: counters, one histogram, and gauges that are read when asked.
package final class Meters: Sendable {
    private struct RequestKey: Hashable {
        var verb: String
        var method: String
        var status: Int
    }
    private struct Latency {
        var buckets = [Int](repeating: 0, count: Meters.bounds.count)
        var count = 0
        var sum = 0.0
    }
    private struct State {
        var requests: [RequestKey: Int] = [:]
        var latencies: [String: Latency] = [:]
        var counters: [String: Int] = [:]
        var readings: [String: (help: String, isCounter: Bool, read: @Sendable () -> Double)] = [:]
    }

    private static let bounds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]
    private let state = Mutex(State())

    package init() {}

    func countRequest(verb: String, method: String, status: Int, seconds: Double) {
        state.withLock { state in
            state.requests[RequestKey(verb: verb, method: method, status: status), default: 0] += 1
            var latency = state.latencies[verb] ?? Latency()
            if let bucket = Meters.bounds.firstIndex(where: { seconds <= $0 }) { latency.buckets[bucket] += 1 }
            latency.count += 1
            latency.sum += seconds
            state.latencies[verb] = latency
        }
    }

    /// What the counters of `count` count.
    private static let help = [
        "flow_records_total": "Journal records written.", "flow_runs_ended_total": "Runs that ended, by state.",
        "flow_connections_refused_total": "Connections that were not taken, or closed for another one.",
    ]

    /// Counts one more of `name`, one of `help`, with its labels.
    package func count(_ name: String, by amount: Int = 1) {
        state.withLock { $0.counters[name, default: 0] += amount }
    }

    /// Shows what `read` says each time the figures are asked for. Must not block.
    package func gauge(_ name: String, _ help: String, _ read: @escaping @Sendable () -> Double) { reading(name, help, isCounter: false, read) }

    /// The same; as a counter for what only grows.
    package func reading(_ name: String, _ help: String, isCounter: Bool, _ read: @escaping @Sendable () -> Double) {
        state.withLock { $0.readings[name] = (help, isCounter, read) }
    }

    /// Everything, in the text exposition format, with what was found out for it.
    package func text(_ figures: [Figure] = []) -> String {
        let state = state.withLock { $0 }
        let lines = requests(state) + counters(state) + readings(state) + found(figures)
        return lines.joined(separator: "\n") + "\n"
    }

    private func heading(_ name: some StringProtocol, _ type: String, _ help: String) -> [String] {
        ["# HELP \(name) \(help)", "# TYPE \(name) \(type)"]
    }

    private func requests(_ state: State) -> [String] {
        var lines = heading("flow_http_requests_total", "counter", "Requests answered.")
        for (key, count) in state.requests.sorted(by: { ($0.key.verb, $0.key.method, $0.key.status) < ($1.key.verb, $1.key.method, $1.key.status) }) {
            lines.append("flow_http_requests_total{verb=\"\(key.verb)\",method=\"\(label(key.method))\",status=\"\(key.status)\"} \(count)")
        }
        lines += heading("flow_http_request_seconds", "histogram", "Time until the answer's head.")
        for (verb, latency) in state.latencies.sorted(by: { $0.key < $1.key }) {
            var total = 0
            for (bound, count) in zip(Meters.bounds, latency.buckets) {
                total += count
                lines.append("flow_http_request_seconds_bucket{verb=\"\(verb)\",le=\"\(bound)\"} \(total)")
            }
            lines.append("flow_http_request_seconds_bucket{verb=\"\(verb)\",le=\"+Inf\"} \(latency.count)")
            lines.append("flow_http_request_seconds_sum{verb=\"\(verb)\"} \(latency.sum)")
            lines.append("flow_http_request_seconds_count{verb=\"\(verb)\"} \(latency.count)")
        }
        return lines
    }

    private func counters(_ state: State) -> [String] {
        var lines: [String] = []
        var typed = Set<Substring>()
        for (name, count) in state.counters.sorted(by: { $0.key < $1.key }) {
            let family = name.prefix { $0 != "{" }
            if typed.insert(family).inserted { lines += heading(family, "counter", Meters.help[String(family)] ?? "Counted.") }
            lines.append("\(name) \(count)")
        }
        return lines
    }

    private func readings(_ state: State) -> [String] {
        state.readings.sorted { $0.key < $1.key }.flatMap { name, reading in
            heading(name, reading.isCounter ? "counter" : "gauge", reading.help) + ["\(name) \(reading.read())"]
        }
    }

    private func found(_ figures: [Figure]) -> [String] {
        var lines: [String] = []
        var typed = Set<String>()
        for figure in figures {
            if typed.insert(figure.name).inserted { lines += heading(figure.name, "gauge", figure.help) }
            let label = figure.label.map { "{\($0.name)=\"\($0.value)\"}" } ?? ""
            lines.append("\(figure.name)\(label) \(figure.value)")
        }
        return lines
    }

    private func label(_ text: String) -> String {
        String(text.prefix(20).filter { $0.isLetter || $0.isNumber })
    }
}
