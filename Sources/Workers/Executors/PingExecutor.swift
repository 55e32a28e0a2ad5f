package import FlowModel

/// Waits for a machine, from the host that it is to be reached from, by a script there: as every step it goes on when the engine ends.
///
/// It asks by ICMP where there is a `ping` that may; else by TCP at the port of ssh: who takes or refuses a connection is there.
package struct PingExecutor: Executor {
    private let hosts: @Sendable (Host?) -> any HostRecording
    private let outputs: OutputStore
    private let open: SecretOpener

    package init(_ parts: ExecutorParts) { (hosts, outputs, open) = (parts.hosts, parts.outputs, parts.open) }

    package func carryOut(_ attempt: LiveAttempt, _ sealed: PingWork) async -> AttemptReport.Event {
        do throws(AttemptResult.Failure) {
            let work = try SecretOpening(open, for: attempt).work(sealed)
            guard NetworkAddress.isHost(work.host) else {
                throw .init(.input, "nothing was looked at: '\(work.host)' \(NetworkAddress.hostRule)")
            }
            await attempt.secrets.prepare()
            let script = WatchScript(
                what: work.host, span: work.span, variables: [.init(name: "host", value: work.host), .init(name: "port", value: "22")],
                look: WatchScript.connect + PingExecutor.look)
            return await HostScript(record: hosts(attempt.order.target), outputs: outputs, shape: WatchScript.shape)
                .carryOut(attempt, try script.job(attempt.order))
        } catch {
            return attempt.refused(error)
        }
    }

    private static let look = #"""
        # Whether ICMP said something.
        echoes() {
          command -v ping >/dev/null || return 1
          status=0
          said=$(ping -c 1 -W "$patience" "$host" 2>&1) || status=$?
          case $status,$said in
            0,*) state=yes said="it answers" ;;
            *permi* | *privilege* | *'are you root'*) return 1 ;;
            *'bad address'* | *'nknown host'* | *'not known'* | *'failure in name'*) state=unknown said="its name cannot be found" ;;
            1,*) state=no said="no answer within $patience s" ;;
            *nreachable*) state=no said="no way there" ;;
            *) return 1 ;;
          esac
        }
        look() {
          if echoes; then return; fi
          connect
          case $state in
            open | refused) state=yes said="it answers, at port $port" ;;
            silent) state=no ;;
          esac
        }

        """#
}
