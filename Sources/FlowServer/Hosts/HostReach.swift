import FlowModel
import FlowWire
import Workers

/// Asks hosts something outside of any run: their keys, and whether they let us in.
struct HostReach: Sendable {
    /// Hosts asked at once.
    private static let width = 64

    let ssh: SSHPool

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
            let channel = try await ssh.transport(to: host).open("true")
            message = await HostReach.end(of: channel)
        } catch {
            message = "\(error)"
        }
        let took = (ContinuousClock.now - start).components
        return Wire.PingResult(
            host: host.name, ok: message == nil,
            tookSeconds: Double(took.seconds) + Double(took.attoseconds / 1_000_000_000_000_000) / 1000,
            message: message)
    }

    /// nil when the command ended with status 0.
    private static func end(of channel: any TransportChannel) async -> String? {
        var message: String? = "the connection ended before the command did"
        do {
            try await channel.finishInput()
            while let event = try await channel.next() {
                if case .exited(let status, let signal) = event {
                    message =
                        status == 0 ? nil : "'true' ended with \(status.map { "status \($0)" } ?? "signal \(signal ?? 0)")"
                }
            }
        } catch {
            message = "\(error)"
        }
        channel.close()
        return message
    }
}
