import FlowModel

/// A script that copies a file to its standard output. Output: `{"sha256"}` of what it read.
struct FetchScript {
    static let shape = TypeShape.object([.init(name: "sha256", shape: .string)])

    let work: FetchWork

    init(_ work: FetchWork) { self.work = work }

    func job(_ order: AttemptOrder) throws(AttemptResult.Failure) -> HostJob {
        let values = ShellWork(
            interpreter: .sh, source: .text(""),
            variables: [.init(name: "path", value: work.path), .init(name: "most", value: String(work.maxBytes))])
        return HostJob(
            interpreter: "/bin/sh", prelude: try Prelude.bytes(for: values), script: Array(FetchScript.text.utf8),
            environment: HostJob.environment(of: order), account: work.account, deadlineSeconds: order.timeoutSeconds,
            // One more than is wanted: that is how it is seen that there was more.
            outputCap: work.maxBytes + 1)
    }

    /// Runs in a directory of its own, with `path` and `most` set.
    private static let text = #"""
        refuse() { echo "cannot fetch $path: $1" >&2; exit 1; }
        [ ! -L "$path" ] || [ -e "$path" ] || refuse "its link leads nowhere"
        [ -e "$path" ] || refuse "it is not there, or it is in a directory that may not be entered"
        [ ! -d "$path" ] || refuse "it is a directory"
        [ -f "$path" ] || refuse "it is not a plain file"
        [ -r "$path" ] || refuse "it may not be read"
        size=$(wc -c <"$path") || refuse "its size cannot be read"
        [ "$size" -le "$most" ] || refuse "it has $size bytes; at most $most are fetched (maxBytes:)"
        mkfifo pipe || refuse "nothing can be written in $PWD"
        sha256sum <pipe >sum &
        { head -c "$((most + 1))" "$path" || : >cut; } | tee pipe || refuse "it could not be sent whole"
        wait
        [ ! -e cut ] || refuse "it could not be read whole"
        read -r sum _ <sum && [ -n "$sum" ] || refuse "no sha256sum runs there"
        echo "sha256=$sum" >"$FLOW_OUTPUT"

        """#
}
