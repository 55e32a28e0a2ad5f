package import FlowModel

/// Waits for a port or a machine, from the host that it is to be reached from, by a script there: as every step it goes on when the engine ends.
package struct WatchExecutor: Executor {
    private let hosts: @Sendable (Host?) -> any HostRecording
    private let outputs: OutputStore
    private let open: SecretOpener

    package init(_ parts: ExecutorParts) { (hosts, outputs, open) = (parts.hosts, parts.outputs, parts.open) }

    package func carryOut(_ attempt: LiveAttempt, _ sealed: WatchWork) async -> AttemptReport.Event {
        do throws(AttemptResult.Failure) {
            let script = try WatchScript(try SecretOpening(open, for: attempt).work(sealed))
            await attempt.secrets.prepare()
            return await HostScript(record: hosts(attempt.order.target), outputs: outputs, shape: WatchScript.shape)
                .carryOut(attempt, try script.job(attempt.order))
        } catch {
            return attempt.refused(error)
        }
    }
}

extension WatchScript {
    fileprivate init(_ work: WatchWork) throws(AttemptResult.Failure) {
        let (host, port, look): (String, Int, String)
        switch work.subject {
        case .port(let text):
            guard let endpoint = NetworkAddress(text) else {
                throw .init(.input, "nothing was looked at: '\(text)' \(NetworkAddress.rule)")
            }
            (host, port, look) = (endpoint.host, endpoint.port, WatchScript.lookAtPort)
        case .machine(let text):
            guard NetworkAddress.isHost(text) else {
                throw .init(.input, "nothing was looked at: '\(text)' \(NetworkAddress.hostRule)")
            }
            (host, port, look) = (text, 22, WatchScript.lookAtMachine)
        }
        self.init(
            what: work.subject.text, span: work.span,
            variables: [.init(name: "host", value: host), .init(name: "port", value: String(port))], look: WatchScript.connect + look)
    }

    private static let lookAtPort = #"""
        look() {
          connect
          case $state in open) state=yes ;; silent | refused) state=no ;; esac
        }

        """#

    /// By ICMP where there is a `ping` that may; else by TCP at the port of ssh: who takes or refuses a connection is there.
    private static let lookAtMachine = #"""
        # Whether ICMP said something. What it says has the name in it, which has no spaces.
        echoes() {
          command -v ping >/dev/null || return 1
          status=0
          said=$(ping -c 1 -W "$patience" "$host" 2>&1) || status=$?
          case $status,$said in
            0,*) state=yes said="it answers" ;;
            1,*'packet loss'*) state=no said="no answer within $patience s" ;;
            *'bad address'* | *'nknown host'* | *'not known'* | *'failure in name'*) state=unknown said="its name cannot be found" ;;
            *permi* | *privilege* | *cap_net_raw* | *'are you root'*) return 1 ;;
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
