import Foundation

/// A program of `Benchmarks/peers` that does a round for each line that it is given, and answers with a JSON line.
final class PacedPeer {
    private let process = Process()
    private let input = Pipe()
    private let output = Pipe()
    private let name: String

    init(_ script: String, _ arguments: [String]) throws {
        guard let python = ProcessInfo.processInfo.environment["FLOW_BENCH_PYTHON"] else {
            throw BenchmarkFailure("FLOW_BENCH_PYTHON must name a Python that has the peers; Benchmarks/run sees to it")
        }
        name = script
        process.executableURL = URL(fileURLWithPath: python)
        process.arguments = ["Benchmarks/peers/\(script)"] + arguments
        process.standardInput = input
        process.standardOutput = output
        try process.run()
    }

    func round<Round: Decodable>(_ type: Round.Type) throws -> Round {
        try input.fileHandleForWriting.write(contentsOf: Data("\n".utf8))
        var line = Data()
        while line.last != UInt8(ascii: "\n") {
            guard let byte = try output.fileHandleForReading.read(upToCount: 1), !byte.isEmpty else {
                throw BenchmarkFailure("\(name) ended: \(String(decoding: line, as: UTF8.self))")
            }
            line += byte
        }
        return try JSONDecoder().decode(Round.self, from: line)
    }

    func stop() {
        try? input.fileHandleForWriting.close()
        process.waitUntilExit()
    }
}
