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

    /// Defines `connect`, which opens a connection to `host` and `port` by the first program that is there and can, address by address, and puts what
    /// came of it in `state` (open, refused, silent, unknown) and `said`. A name without an address is neither open nor closed.
    static let connect = #"""
        export LC_ALL=C
        if ! command -v timeout >/dev/null; then
          open() { return 127; }
        elif command -v bash >/dev/null && ! bash -c 'exec 3<>/dev/tcp/0.0.0.0/0' 2>&1 | grep -q 'No such file'; then
          open() { timeout "$patience" bash -c 'exec 3<>"/dev/tcp/$1/$2"' bash "$address" "$port"; }
        elif command -v python3 >/dev/null; then
          open() { timeout "$((patience + 1))" python3 -c 'import socket, sys
        try: socket.create_connection((sys.argv[1], int(sys.argv[2])), float(sys.argv[3])).close()
        except (OSError, UnicodeError) as e: sys.exit(str(e))' "$address" "$port" "$patience"; }
        elif command -v nc >/dev/null && nc -h 2>&1 | grep -q -- '-e PROG'; then
          open() { timeout "$((patience + 1))" nc -w "$patience" "$address" "$port" -e true </dev/null; }
        elif command -v nc >/dev/null; then
          open() { timeout "$((patience + 1))" nc -vz -w "$patience" "$address" "$port" </dev/null; }
        else
          open() { return 127; }
        fi
        # One a line. Where nothing here can tell them, the name, and what does not answer may have none.
        addresses() {
          case $host in
            *[!0-9.]*) ;;
            *) echo "$host" && return ;;
          esac
          command -v getent >/dev/null || { echo "$host" && return; }
          timeout "$patience" getent ahosts "$host" 2>/dev/null | while read -r address kind _; do
            [ "$kind" != STREAM ] || echo "$address"
          done
        }
        # By the end of what is said: before it stands the name.
        knock() {
          status=0
          said=$(open 2>&1) || status=$?
          said=${said%%"
        "*} said=${said##*: }
          case $status,$said in
            0,*) state=open said="it answers" ;;
            127,*)
              echo "no program here can open a connection: it takes timeout, and bash, python3 or nc" >&2
              exit 1 ;;
            124,* | 143,* | *,*timed?out*)
              state=silent said="no answer within $patience s"
              # That may be the name, where nothing else has looked for it.
              case $address in
                *:*) ;;
                *[!0-9.]*) state=unknown ;;
              esac ;;
            # Of busybox, with the name.
            *,'bad address'*) state=unknown said="bad address" ;;
            *,*refused*) state=refused said="connection refused" ;;
            *,*unreachable* | *,*'No route'*) state=silent said="no way there" ;;
            *) state=unknown ;;
          esac
        }
        connect() {
          found=$(addresses)
          worst= words="its name has no address, or was not answered within $patience s"
          for address in $found; do
            knock
            [ "$state" != open ] || return 0
            case $worst,$state in
              ,* | *,unknown | silent,refused) worst=$state words=$said ;;
            esac
          done
          state=${worst:-unknown} said=$words
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
