import FlowDSL

/// What the command `measure` writes to `$FLOW_OUTPUT`.
struct Machine: Codable, Sendable {
    var system: String
    var processors: Int
}

/// Greets someone and looks round on this machine: a first flow, done in seconds.
@main struct Hello: Flow {
    static let summary = "Greets someone and looks round on this machine"

    @Param("Whom to greet") var name: String = "world"
    @Param("Files to count in each folder listed") var folders: [String] = ["/etc", "/usr"]

    var body: some FlowBody {
        // A value in a command is data: whatever the name says, it is one argument.
        let greeting = shell("greet", "printf 'Hello, %s!' \($name)")

        // These do not wait for one another.
        parallel {
            shell(
                "measure", "uname -s | sed 's/^/system=/' >>\"$FLOW_OUTPUT\"; echo processors=$(nproc) >>\"$FLOW_OUTPUT\"",
                output: Machine.self)
            map("count", over: $folders, width: 2) { folder in
                shell("files", "find \(folder) -maxdepth 1 -type f | wc -l")
            }
        }

        // Swift, with the values of the steps it names.
        let report = step("report", greeting) { context, greeting in
            context.log(greeting.stdout)
            return greeting.stdout.count
        }

        when(report > 40) {
            shell("long-name", "echo That was a long name.")
        } otherwise: {
            shell("done", "echo \(report) letters, run \(run.id)")
        }
    }
}
