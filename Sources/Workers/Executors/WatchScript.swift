import FlowModel

/// A script that looks at something on the network again and again until it answers, or no longer does.
///
/// Its log has each answer that is another than the one before. Output: `{"seconds","tries"}`.
struct WatchScript {
    static let shape = WatchSpan.shape

    /// What is looked at, for people.
    let what: String
    let span: WatchSpan
    /// `host`, and what `look` needs beside.
    let variables: [ShellWork.Variable]
    /// Defines `look`, which sets `state` (`yes`: it answers, `no`, or `unknown` where nothing was found that says either) and `said`.
    let look: String

    func job(_ order: AttemptOrder) throws(AttemptResult.Failure) -> HostJob {
        let own: [ShellWork.Variable] = [
            .init(name: "what", value: what), .init(name: "goal", value: span.answers ? "yes" : "no"),
            .init(name: "pause", value: String(span.intervalSeconds)), .init(name: "within", value: String(span.timeoutSeconds)),
            .init(name: "patience", value: String(WorkerLimits.answerSeconds)),
        ]
        let values = ShellWork(interpreter: .sh, source: .text(""), variables: own + variables)
        return HostJob(
            interpreter: "/bin/sh", prelude: try Prelude.bytes(for: values), script: Array((look + WatchScript.loop).utf8),
            environment: HostJob.environment(of: order), deadlineSeconds: order.timeoutSeconds)
    }

    /// Defines `connect`, which opens a connection to `host` and `port` by the first program that is there and can, and puts what came of it in
    /// `status` and `said`.
    static let connect = #"""
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
          try() { :; }
          none=yes
        fi
        connect() {
          if [ -n "${none:-}" ]; then
            echo "no program here can open a connection: it takes bash, python3 or nc" >&2
            exit 1
          fi
          status=0
          said=$(LC_ALL=C try 2>&1) || status=$?
          case $status,$said in
            0,*) state=open said="it answers" ;;
            124,* | 143,* | *timed?out*) state=silent said="no answer within $patience s" ;;
            *refused*) state=refused said="connection refused" ;;
            *unreachable* | *'No route'*) state=silent said="no way there: ${said##*: }" ;;
            *) state=unknown said=${said%%"
        "*} said=${said##*: } ;;
          esac
        }

        """#

    /// Time is that since boot, in hundredths of a second: nobody sets it.
    private static let loop = #"""
        now() {
          read -r t _ </proc/uptime
          t=${t%.*}${t#*.}
          while case $t in 0?*) ;; *) false ;; esac; do t=${t#0}; done
        }
        answer=
        now
        start=$t end=$((t + within * 100)) tries=0
        while :; do
          tries=$((tries + 1))
          look
          [ "$said" = "$answer" ] || echo "$what: $said"
          answer=$said
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
          yes,no) echo "$what did not answer within $within s: $answer" >&2 ;;
          no,yes) echo "$what still answered after $within s" >&2 ;;
          *) echo "$what could not be looked at within $within s: $answer" >&2 ;;
        esac
        exit 1

        """#
}
