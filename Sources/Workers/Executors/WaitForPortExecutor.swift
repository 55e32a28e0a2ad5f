package import FlowModel

/// Waits for a port, from the host that it is to be reached from, by a script there: as every step it goes on when the engine ends.
package struct WaitForPortExecutor: Executor {
    private let hosts: @Sendable (Host?) -> any HostRecording
    private let outputs: OutputStore
    private let open: SecretOpener

    package init(_ parts: ExecutorParts) { (hosts, outputs, open) = (parts.hosts, parts.outputs, parts.open) }

    package func carryOut(_ attempt: LiveAttempt, _ sealed: WaitForPortWork) async -> AttemptReport.Event {
        do throws(AttemptResult.Failure) {
            let work = try SecretOpening(open, for: attempt).work(sealed)
            guard let endpoint = NetworkAddress(work.endpoint) else {
                throw .init(.input, "nothing was looked at: '\(work.endpoint)' \(NetworkAddress.rule)")
            }
            await attempt.secrets.prepare()
            let script = WatchScript(
                what: work.endpoint, span: work.span,
                variables: [.init(name: "host", value: endpoint.host), .init(name: "port", value: String(endpoint.port))],
                look: WatchScript.connect + WaitForPortExecutor.look)
            return await HostScript(record: hosts(attempt.order.target), outputs: outputs, shape: WatchScript.shape)
                .carryOut(attempt, try script.job(attempt.order))
        } catch {
            return attempt.refused(error)
        }
    }

    private static let look = #"""
        look() {
          connect
          case $state in open) state=yes ;; silent | refused) state=no ;; esac
        }

        """#
}
