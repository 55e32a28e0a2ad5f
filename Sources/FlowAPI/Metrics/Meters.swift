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
        var gauges: [String: (help: String, read: @Sendable () -> Double)] = [:]
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

    /// Counts one more of `name`: a metric's name with its labels, such as `flow_records_total`.
    package func count(_ name: String, by amount: Int = 1) {
        state.withLock { $0.counters[name, default: 0] += amount }
    }

    /// Shows what `read` says each time the figures are asked for. Must not block.
    package func gauge(_ name: String, _ help: String, _ read: @escaping @Sendable () -> Double) {
        state.withLock { $0.gauges[name] = (help, read) }
    }

    /// Everything, in the text exposition format.
    package var text: String {
        let state = state.withLock { $0 }
        var lines = ["# HELP flow_http_requests_total Requests answered.", "# TYPE flow_http_requests_total counter"]
        let requests = state.requests.sorted { ($0.key.verb, $0.key.status) < ($1.key.verb, $1.key.status) }
        for (key, count) in requests {
            lines.append(
                "flow_http_requests_total{verb=\"\(key.verb)\",method=\"\(label(key.method))\",status=\"\(key.status)\"} \(count)"
            )
        }
        lines += [
            "# HELP flow_http_request_seconds Time until the answer's head.", "# TYPE flow_http_request_seconds histogram",
        ]
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
        var typed = Set<Substring>()
        for (name, count) in state.counters.sorted(by: { $0.key < $1.key }) {
            let family = name.prefix { $0 != "{" }
            if typed.insert(family).inserted { lines.append("# TYPE \(family) counter") }
            lines.append("\(name) \(count)")
        }
        for (name, gauge) in state.gauges.sorted(by: { $0.key < $1.key }) {
            lines += ["# HELP \(name) \(gauge.help)", "# TYPE \(name) gauge", "\(name) \(gauge.read())"]
        }
        return lines.joined(separator: "\n") + "\n"
    }

    private func label(_ text: String) -> String {
        String(text.prefix(20).filter { $0.isLetter || $0.isNumber })
    }
}
