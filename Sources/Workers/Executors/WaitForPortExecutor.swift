package import FlowModel

/// Waits for a port, from the host that it is to be reached from, by a script there: as every step it goes on when the engine ends.
///
/// Output: `{"seconds","tries"}`. Its log has each answer that is another than the one before.
package struct WaitForPortExecutor: Executor {
    private let hosts: @Sendable (Host?) -> any HostRecording
    private let outputs: OutputStore
    private let open: SecretOpener

    package init(_ parts: ExecutorParts) { (hosts, outputs, open) = (parts.hosts, parts.outputs, parts.open) }

    package func carryOut(_ attempt: LiveAttempt, _ sealed: WaitForPortWork) async -> AttemptReport.Event {
        do throws(AttemptResult.Failure) {
            let work = try SecretOpening(open, for: attempt).work(sealed)
            guard let endpoint = WaitForPortSpec.Endpoint(work.endpoint) else {
                throw .init(.input, "nothing was looked at: '\(work.endpoint)' \(WaitForPortSpec.Endpoint.rule)")
            }
            await attempt.secrets.prepare()
            let job = try WaitForPortExecutor.job(attempt.order, work, endpoint)
            return await HostScript(record: hosts(attempt.order.target), outputs: outputs, shape: WaitForPortSpec.shape).carryOut(attempt, job)
        } catch {
            return attempt.refused(error)
        }
    }

    private static func job(
        _ order: AttemptOrder, _ work: WaitForPortWork, _ endpoint: WaitForPortSpec.Endpoint
    ) throws(AttemptResult.Failure) -> HostJob {
        let values = ShellWork(
            interpreter: .sh, source: .text(""),
            variables: [
                .init(name: "endpoint", value: work.endpoint), .init(name: "host", value: endpoint.host),
                .init(name: "port", value: String(endpoint.port)), .init(name: "goal", value: work.goal.rawValue),
                .init(name: "pause", value: String(work.intervalSeconds)), .init(name: "within", value: String(work.timeoutSeconds)),
                .init(name: "patience", value: String(WorkerLimits.portAnswerSeconds)),
            ])
        return HostJob(
            interpreter: "/bin/sh", prelude: try Prelude.bytes(for: values), script: Array(script.utf8),
            environment: HostJob.environment(of: order), deadlineSeconds: order.timeoutSeconds)
    }

    /// Time is that since boot, in hundredths of a second: nobody sets it. A connection is tried by the first program that is there and can.
    private static let script = #"""
        now() {
          read -r t _ </proc/uptime
          t=${t%.*}${t#*.}
          while case $t in 0?*) ;; *) false ;; esac; do t=${t#0}; done
        }
        if command -v bash >/dev/null && ! bash -c 'exec 3<>/dev/tcp/0.0.0.0/0' 2>&1 | grep -q 'No such file'; then
          try() { timeout "$patience" bash -c 'exec 3<>"/dev/tcp/$1/$2"' bash "$host" "$port"; }
        elif command -v python3 >/dev/null; then
          try() { python3 -c 'import socket, sys
        try: socket.create_connection((sys.argv[1], int(sys.argv[2])), float(sys.argv[3])).close()
        except OSError as e: sys.exit(str(e))' "$host" "$port" "$patience"; }
        elif command -v nc >/dev/null && nc -h 2>&1 | grep -q -- '-e PROG'; then
          try() { timeout "$((patience + 1))" nc -w "$patience" "$host" "$port" -e true </dev/null; }
        elif command -v nc >/dev/null; then
          try() { timeout "$((patience + 1))" nc -z -w "$patience" "$host" "$port" </dev/null; }
        else
          echo "no program here can open a connection: bash, python3 or nc" >&2
          exit 1
        fi
        answer=
        # What was found: open, closed, or nothing that says either.
        look() {
          status=0
          said=$(try 2>&1) || status=$?
          case $status,$said in
            0,*) state=open said="it answers" ;;
            124,* | 143,* | *timed?out*) state=closed said="no answer within $patience s" ;;
            *refused*) state=closed said="connection refused" ;;
            *unreachable* | *'No route'*) state=closed said="no way there: ${said##*: }" ;;
            *) state=unknown said=${said%%"
        "*} said=${said##*: } ;;
          esac
          [ "$said" = "$answer" ] || echo "$endpoint: $said"
          answer=$said
        }
        now
        start=$t end=$((t + within * 100)) tries=0
        while :; do
          tries=$((tries + 1))
          look
          now
          if [ "$state" = "$goal" ]; then
            spent=$((t - start))
            printf 'seconds=%d.%02d\ntries=%d\n' "$((spent / 100))" "$((spent % 100))" "$tries" >"$FLOW_OUTPUT"
            exit 0
          fi
          left=$((end - t))
          [ "$left" -gt 0 ] || break
          [ "$left" -ge "$((pause * 100))" ] || pause=$(((left + 99) / 100))
          sleep "$pause"
        done
        case $goal,$state in
          open,closed) echo "$endpoint did not answer within $within s: $answer" >&2 ;;
          closed,open) echo "$endpoint still answered after $within s" >&2 ;;
          *) echo "$endpoint could not be looked at within $within s: $answer" >&2 ;;
        esac
        exit 1

        """#
}
