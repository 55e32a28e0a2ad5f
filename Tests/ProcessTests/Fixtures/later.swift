import FlowDSL

/// Two steps that fail at first and say when to try again: a command and a Swift step.
@main struct Later: Flow {
    @Param("Where they leave their marks") var folder: String

    var body: some FlowBody {
        parallel {
            shell(
                "command", "date +%s.%N >>\($folder)/command; test $FLOW_ATTEMPT -gt 1 || { echo retryAfter=3 >>$FLOW_OUTPUT; exit 1; }",
                retry: .attempts(2, delay: .milliseconds(1)))
            step("swift", $folder, retry: .attempts(2, delay: .milliseconds(1))) { context, folder in
                if context.attempt == 1 { throw RetryAfter(seconds: 3) }
                context.log("attempt \(context.attempt) in \(folder)")
            }
        }
    }
}
