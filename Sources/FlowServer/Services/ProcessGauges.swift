import CFlowShims
import FlowAPI
import FlowModel
import Glibc

/// What the process takes, for `/metrics`, under the names that Prometheus' dashboards know.
enum ProcessGauges {
    static func add(to meters: Meters) {
        let start = Wall.now()
        meters.gauge("process_start_time_seconds", "When the process started, since the epoch.") {
            Double(start.milliseconds) / 1000
        }
        meters.gauge("process_resident_memory_bytes", "Memory in use.") { residentBytes() }
        meters.reading("process_cpu_seconds_total", "CPU used.", isCounter: true) { flow_cpu_seconds() }
        meters.gauge("process_open_fds", "Open descriptors.") { openDescriptors() }
    }

    /// The second number of /proc/self/statm, in pages; 0 where there is none.
    private static func residentBytes() -> Double {
        let file = open("/proc/self/statm", O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return 0 }
        defer { close(file) }
        var buffer = [UInt8](repeating: 0, count: 128)
        let count = read(file, &buffer, buffer.count)
        let words = String(decoding: buffer.prefix(max(count, 0)), as: UTF8.self).split(separator: " ")
        return words.count > 1 ? (Double(words[1]) ?? 0) * Double(sysconf(Int32(_SC_PAGESIZE))) : 0
    }

    private static func openDescriptors() -> Double {
        guard let directory = opendir("/proc/self/fd") else { return 0 }
        defer { closedir(directory) }
        var count = -3.0
        while readdir(directory) != nil { count += 1 }
        return max(count, 0)
    }
}
