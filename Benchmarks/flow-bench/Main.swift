import Foundation

/// Measures the engine, and beside each figure the ceiling of the machine in the same run. One JSON object a line on stdout.
///
///     flow-bench steps sequential      the named ones; without names all that need no server
@main struct Main {
    static func main() async throws {
        let names = CommandLine.arguments.dropFirst()
        let chosen = names.isEmpty ? ["steps", "sequential", "load"] : Array(names)
        for name in chosen {
            switch name {
            case "steps": try await StepsBenchmark.run()
            case "sequential": try await SequentialBenchmark.run()
            case "load": try await LoadBenchmark.run()
            default:
                FileHandle.standardError.write(Data("flow-bench: no benchmark '\(name)'; there are steps, sequential, load\n".utf8))
                exit(2)
            }
        }
    }
}

/// One figure.
struct Figure: Encodable {
    var figure: String
    var value: Double
    var unit: String
    /// What the machine can do at best, measured in the same run, and the share of it that was reached.
    var ceiling: Double?
    var ratio: Double?
    var target: String
    var note: String?

    func print() throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        Swift.print(String(decoding: try encoder.encode(self), as: UTF8.self))
    }
}

func seconds(_ duration: Duration) -> Double {
    Double(duration.components.seconds) + Double(duration.components.attoseconds) / 1e18
}

/// The middle one.
func median(_ values: [Double]) -> Double { values.sorted()[values.count / 2] }

/// A directory of its own, removed at the end.
func withDirectory<Value>(_ body: (String) async throws -> Value) async throws -> Value {
    let path = NSTemporaryDirectory() + "flow-bench-\(ProcessInfo.processInfo.processIdentifier)-\(UInt32.random(in: 0 ... .max))"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    defer { try? FileManager.default.removeItem(atPath: path) }
    return try await body(path)
}
