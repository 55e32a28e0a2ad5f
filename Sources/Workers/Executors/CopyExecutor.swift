package import FlowModel

/// Copies a file to a target: compared by SHA-256 first, written beside its goal, synced, and put in its place at once.
///
/// Output: `{"changed","sha256","bytes"}`. A file that is there already, with the mode asked for, is left alone and nothing is sent. Where no
/// mode is given, a file that is replaced keeps its own with its access control list, and a new one gets that of the source. A symbolic link at the
/// goal is followed. The owner of a file that is replaced stays where the account may say so; else its new group may do no more with it than others could. A goal that is
/// a mount point cannot be replaced: it is written over.
package struct CopyExecutor: Executor {
    private let hosts: @Sendable (Host?) -> any HostRecording
    private let transports: @Sendable (Host?) -> any Transport
    private let outputs: OutputStore
    private let open: SecretOpener
    private let files: SourceFiles
    private let memory = ByteBudget(WorkerLimits.copyMemoryBytes)

    package init(_ parts: ExecutorParts) {
        (hosts, transports, outputs, open, files) = (parts.hosts, parts.transports, parts.outputs, parts.open, parts.files)
    }

    package func carryOut(_ attempt: LiveAttempt, _ sealed: CopyWork) async -> AttemptReport.Event {
        do throws(AttemptResult.Failure) {
            let work = try SecretOpening(open, for: attempt).work(sealed)
            try CopyExecutor.check(work)
            await attempt.secrets.prepare()
            return try await send(attempt, work)
        } catch {
            return attempt.refused(error)
        }
    }

    private func send(_ attempt: LiveAttempt, _ work: CopyWork) async throws(AttemptResult.Failure) -> AttemptReport.Event {
        guard attempt.order.mode == .start else { return await converse(attempt, work, nil) }
        let size = try await files.size(work.from)
        do {
            // What waits for memory has not read its file yet.
            return try await memory.lend(size) {
                do throws(AttemptResult.Failure) {
                    return await converse(attempt, work, try await files.read(work.from))
                } catch {
                    return .failed(error)
                }
            }
        } catch {
            return .cancelled
        }
    }

    private func converse(_ attempt: LiveAttempt, _ work: CopyWork, _ file: SourceFile?) async -> AttemptReport.Event {
        do throws(AttemptResult.Failure) {
            let order = attempt.order
            let job = try CopyExecutor.job(order, work, file)
            var record = hosts(order.target)
            if let file {
                record = ComparingRecord(
                    record: record, transport: transports(order.target), work: work, file: file,
                    answered: { await attempt.hostAnswered() })
            }
            return await HostScript(record: record, outputs: outputs, shape: CopySpec.shape).carryOut(attempt, job)
        } catch {
            return attempt.refused(error)
        }
    }

    private static func check(_ work: CopyWork) throws(AttemptResult.Failure) {
        guard work.from.hasPrefix("/") || Artifact.isReference(work.from) else {
            throw .init(
                .input,
                "nothing was copied: '\(work.from)' is not the absolute path of a file; 'from:' names one on the engine's machine, or an artifact")
        }
        guard work.to.hasPrefix("/"), !work.to.hasSuffix("/"), !work.to.utf8.contains(where: { $0 == 0 || $0 == 0x0A }) else {
            throw .init(.input, "nothing was copied: '\(work.to)' is not the absolute path of a file")
        }
        guard work.mode.map({ Int($0, radix: 8).map { (0...0o7777).contains($0) } ?? false }) ?? true else {
            throw .init(.input, "nothing was copied: '\(work.mode ?? "")' is not a mode such as 0644")
        }
    }

    private static func job(_ order: AttemptOrder, _ work: CopyWork, _ file: SourceFile?) throws(AttemptResult.Failure) -> HostJob {
        let values = ShellWork(
            interpreter: .sh, source: .text(""),
            variables: [
                .init(name: "to", value: work.to), .init(name: "mode", value: work.mode ?? ""), .init(name: "fresh", value: file?.mode ?? ""),
                .init(name: "sum", value: file?.digest.hex ?? ""), .init(name: "size", value: String(file?.bytes.count ?? 0)),
            ])
        return HostJob(
            interpreter: "/bin/sh", prelude: try Prelude.bytes(for: values), script: Array(script.utf8), data: file?.bytes ?? [],
            environment: HostJob.environment(of: order), account: work.account, deadlineSeconds: order.timeoutSeconds)
    }

    /// Runs with `to`, `mode` (may be empty), `fresh` (the mode of a new file then), `sum` and `size` set, the bytes in `data` beside the program.
    private static let script = #"""
        refuse() { echo "cannot copy to $to: $1" >&2; exit 1; }
        [ ! -L "$to" ] || to=$(readlink -f "$to") || refuse "its link leads nowhere"
        [ ! -d "$to" ] || refuse "it is a directory"
        [ ! -e "$to" ] || [ -f "$to" ] || refuse "it is not a plain file"
        # Nobody's file becomes open to more people because its content does.
        keeps= acl=
        listed() { case $(ls -ld "$1" 2>/dev/null) in ??????????+*) ;; *) return 1 ;; esac; }
        if [ -z "$mode" ] && [ -e "$to" ]; then
          keeps=yes
          ! listed "$to" || acl=yes
          mode=$(stat -c %a "$to") || refuse "its mode cannot be read"
        fi
        mode=${mode:-$fresh}
        folder=${to%/*}
        [ -d "$folder/" ] || refuse "the directory $folder does not exist"
        new=$(mktemp "$folder/.flow.XXXXXXXXXX") || refuse "nothing can be written in $folder"
        old=
        leave() {
          [ -z "$old" ] || { cat "$old" >"$to" && chmod "$kept" "$to"; }
          rm -f "$new" ${old:+"$old"}
        }
        trap leave EXIT
        trap 'exit 143' HUP INT TERM
        # Nothing is sent of an empty file.
        [ "$size" = 0 ] || cat "${0%/*}/data" >"$new" || refuse "no room in $folder"
        found=$(sha256sum "$new")
        [ "${found%% *}" = "$sum" ] || refuse "other bytes arrived than were sent"
        if [ -e "$to" ] && ! chown "$(stat -c %u:%g "$to")" "$new" 2>/dev/null && [ -n "$keeps" ]; then
          # It is another account's and group's now: the group may do what others could, and no program runs as somebody else.
          mode=$(printf %o "$((0$mode & 0707 | (0$mode >> 3 & 0$mode & 7) << 3))")
          [ -z "$acl" ] || acl=lost
        fi
        # The mode of a file with an access control list shows its mask where that of the group stands: without the list the group gets nothing,
        # not even for a moment.
        [ -z "$acl" ] || mode=$(printf %o "$((0$mode & 07707))")
        chmod "$mode" "$new"
        [ "$acl" != yes ] || { cp --attributes-only --preserve=mode "$to" "$new" 2>/dev/null && listed "$new"; } || chmod "$mode" "$new"
        sync "$new" 2>/dev/null || sync
        mounted() {
          while read -r _ _ _ _ point _; do
            case $point in *\\*) point=$(printf %b "$point") ;; esac
            [ "$point" != "$1" ] || return 0
          done </proc/self/mountinfo
          return 1
        }
        if ! why=$(mv -f "$new" "$to" 2>&1); then
          mounted "$(readlink -f "$to")" || refuse "$why"
          # No other file can take the place of a mount point: it is written over, and written back when that fails.
          kept=$(stat -c %a "$to")
          spare=$(mktemp "$folder/.flow.XXXXXXXXXX") && cat "$to" >"$spare" || { rm -f "$spare"; refuse "no room in $folder to keep what was there"; }
          old=$spare
          { chmod "$mode" "$to" && cat "$new" && sync; } >"$to" || refuse "it is a mount point, and cannot be written over"
          found=$(sha256sum "$to")
          [ "${found%% *}" = "$sum" ] || refuse "it is a mount point, and other bytes are there than were written"
          rm -f "$new" "$old"
          old=
        fi
        trap - EXIT
        sync "$folder/" 2>/dev/null || sync
        printf 'sha256=%s\nbytes=%s\nchanged=true\n' "$sum" "$size" >"$FLOW_OUTPUT"

        """#
}
