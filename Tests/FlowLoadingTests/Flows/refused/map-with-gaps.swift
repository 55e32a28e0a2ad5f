// swift-format-ignore-file
import FlowDSL

@main struct Sample: Flow {
    @Param("Hosts") var hosts: Selector = "*"

    var body: some FlowBody {
        let loads = map("measure", over: $hosts) { host in
            shell("load", "cat /proc/loadavg", on: host, onFailure: .ignore)
        }
        step("table", loads) { context, loads in for load in loads { context.log(load.stdout) } }
        step("rather", loads.reference.optional) { context, loads in context.log("\(loads?.count ?? 0)") }
        map("again", over: loads) { load in shell("echo", "echo \(load.stdout)") }
        let parts = map("parts", over: $hosts) { host in
            let kernel = shell("kernel", "uname -r", on: host, onFailure: .ignore)
            shell("say", "echo \(kernel.stdout)")
        }
        step("kernels", parts) { _, parts in parts.count }
        let nested = map("outer", over: ["a", "b"]) { letter in
            map("inner", over: ["c"]) { _ in shell("try", "grep \(letter) /etc/motd", onFailure: .ignore) }
        }
        step("all", nested) { _, nested in nested.count }
    }
}
// expect 11: elements of map 'measure' are missing where 'load' fails and is ignored, and their type does not say so: give 'measure' minSucceeded: .count(0)
// expect 12: elements of map 'measure' are missing
// expect 13: elements of map 'measure' are missing
// expect 18: elements of map 'parts' are missing where 'say' is skipped, since it reads 'kernel', which may hand nothing out
// expect 22: elements of map 'outer/inner' are missing
