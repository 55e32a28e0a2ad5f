import Foundation
import Glibc

/// A number of clients, each of which sends its next request when the last one was answered. All on one thread, to cost little beside
/// the server that shares the machine.
struct HTTPLoad {
    var port: Int
    var clients: Int
    /// The request with this number, from 0.
    var request: (Int) -> [UInt8]
    /// The status that counts as success; any other ends the load.
    var status: Int

    struct Result {
        var requests: Int
        var seconds: Double
        /// CPU that the generator itself took.
        var cpuSeconds: Double
        /// From a request's last byte sent to its answer's last byte received, in milliseconds, sorted.
        var latencies: [Double]

        var perSecond: Double { Double(requests) / seconds }
        func percentile(_ share: Double) -> Double { latencies[min(latencies.count - 1, Int(Double(latencies.count) * share))] }
    }

    /// When no further request is sent.
    enum End {
        case after(Duration)
        case requests(Int)
    }

    init(port: Int, clients: Int, status: Int, request: @escaping (Int) -> [UInt8]) {
        (self.port, self.clients, self.status, self.request) = (port, clients, status, request)
    }

    /// The same request again and again.
    init(port: Int, clients: Int, request: [UInt8], status: Int) {
        self.init(port: port, clients: clients, status: status) { _ in request }
    }

    func run(until end: End) throws -> Result {
        let connections = try (0..<clients).map { _ in try HTTPConnection(port: port) }
        defer { for connection in connections { connection.close() } }
        var sockets = connections.map { pollfd(fd: $0.descriptor, events: Int16(POLLIN), revents: 0) }
        let cpu = clockSeconds(CLOCK_THREAD_CPUTIME_ID)
        let start = clockSeconds(CLOCK_MONOTONIC)
        let (lastMoment, most) =
            switch end {
            case .after(let duration): (start + seconds(duration), Int.max)
            case .requests(let count): (Double.infinity, count)
            }
        var sentAt = [Double](repeating: start, count: clients)
        var open = clients
        var latencies: [Double] = []
        var last = start
        var sent = 0
        for connection in connections {
            try connection.send(request(sent))
            sent += 1
        }
        while open > 0 {
            guard poll(&sockets, nfds_t(clients), 10_000) > 0 else { throw BenchmarkFailure("the server did not answer within 10 s") }
            last = clockSeconds(CLOCK_MONOTONIC)
            for number in 0..<clients where sockets[number].revents != 0 {
                guard let answer = try connections[number].receive() else { continue }
                guard answer.status == status else {
                    throw BenchmarkFailure("the server answered \(answer.status): \(String(decoding: answer.body, as: UTF8.self))")
                }
                latencies.append((last - sentAt[number]) * 1000)
                guard last < lastMoment, sent < most else {
                    open -= 1
                    sockets[number].fd = -1
                    continue
                }
                sentAt[number] = last
                try connections[number].send(request(sent))
                sent += 1
            }
        }
        return Result(
            requests: latencies.count, seconds: last - start, cpuSeconds: clockSeconds(CLOCK_THREAD_CPUTIME_ID) - cpu,
            latencies: latencies.sorted())
    }
}

/// What a clock of the system says.
func clockSeconds(_ clock: clockid_t) -> Double {
    var time = timespec()
    clock_gettime(clock, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
}
