import FlowModel
import FlowWire
import Logging
import Workers

/// Asks hosts something outside of any run: their keys, and whether a step could run there.
struct HostReach: Sendable {
    /// Hosts asked at once.
    private static let width = 64

    let ssh: SSHPool
    let logger: Logger

    func scan(address: String, port: Int) async throws -> [Wire.HostKey] {
        do {
            return try await HostKeyScan(pool: ssh).keys(address: address, port: port).map {
                Wire.HostKey(key: "\($0.type) \($0.base64)", type: $0.type, fingerprint: $0.fingerprint ?? "")
            }
        } catch let error as TransportError {
            throw FlowError(.unreachable, subject: address, "\(address) port \(port) showed no key: \(error).")
        }
    }

    /// In the order of `hosts`. Each ends by the deadlines of its phases, whatever the others do.
    func ping(_ hosts: [Host]) async -> [Wire.PingResult] {
        await withTaskGroup(of: (Int, Wire.PingResult).self) { group in
            var results = [Wire.PingResult?](repeating: nil, count: hosts.count)
            var next = 0
            func add() {
                guard next < hosts.count else { return }
                let (index, host) = (next, hosts[next])
                next += 1
                group.addTask { (index, await ping(host)) }
            }
            for _ in 0..<HostReach.width { add() }
            while let (index, result) = await group.next() {
                results[index] = result
                add()
            }
            return results.compactMap { $0 }
        }
    }

    private func ping(_ host: Host) async -> Wire.PingResult {
        let start = ContinuousClock.now
        var message: String?
        do {
            try await HostRecordClient(transport: ssh.transport(to: host), spool: nil, logger: logger).hello()
        } catch let error as TransportError where error.phase == .hostKey && !host.hostKeys.isEmpty {
            // A host without any key is told this by the transport.
            message = "\(error) If it is the right one, accept it with: flowctl inventory add \(host.name) \(host.address) --port \(host.port)"
        } catch let failure as AttemptResult.Failure {
            message = failure.message
        } catch {
            message = "\(error)"
        }
        let took = (ContinuousClock.now - start).components
        return Wire.PingResult(
            host: host.name, ok: message == nil,
            tookSeconds: Double(took.seconds) + Double(took.attoseconds / 1_000_000_000_000_000) / 1000,
            message: message)
    }
}
