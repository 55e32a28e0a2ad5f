import FlowLoading
import FlowModel
import Foundation

/// A folder that is removed when the test is over.
final class TemporaryFolder: Sendable {
    let path: String

    init() throws {
        path = FileManager.default.temporaryDirectory.appendingPathComponent("flow-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit {
        do {
            try FileManager.default.removeItem(atPath: path)
        } catch {
            FileHandle.standardError.write(Data("\(path) stays behind: \(error)\n".utf8))
        }
    }

    func write(_ text: String, to name: String) throws -> String {
        let file = "\(path)/\(name)"
        let folder = (file as NSString).deletingLastPathComponent
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try text.write(toFile: file, atomically: true, encoding: .utf8)
        return file
    }
}

/// One cache for all tests: the compiler's module cache is expensive to fill.
enum Shared {
    static let cache = Result { try TemporaryFolder() }

    static func loader(evaluateSeconds: Double = 10) throws -> FlowLoader {
        FlowLoader(environment: try environment(), evaluateSeconds: evaluateSeconds)
    }

    static func environment() throws -> [String: String] {
        var environment = ProcessInfo.processInfo.environment
        environment["FLOW_CACHE"] = try cache.get().path + "/cache"
        return environment
    }
}

/// What the load gave: a flow, or why not.
func outcome(_ file: String, _ loader: FlowLoader) async -> Result<LoadedFlow, FlowError> {
    do throws(FlowError) {
        return .success(try await loader.load(file: file))
    } catch {
        return .failure(error)
    }
}

/// Loads a flow with this body.
func loadBody(_ body: String, parameters: String = "", types: String = "") async throws -> LoadedFlow {
    let folder = try TemporaryFolder()
    let source = """
        import FlowDSL
        \(types)
        @main struct Sample: Flow {
        \(parameters)
            var body: some FlowBody {
        \(body)
            }
        }
        """
    return try await Shared.loader().load(file: try folder.write(source, to: "sample.swift"))
}

enum Fixtures {
    static let folder = (#filePath as NSString).deletingLastPathComponent + "/Flows"
    /// Resolved, since the tests' folder may be a link.
    static let repository = URL(fileURLWithPath: folder).resolvingSymlinksInPath().appendingPathComponent("../../..")
        .standardized.path

    static func names(in kind: String) -> [String] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "\(folder)/\(kind)")) ?? []
        return names.filter { $0.hasSuffix(".swift") }.sorted()
    }
}

/// Loads files, two at a time: compilers are large. The outcomes are in the order of the files.
func loadAll(_ files: [String]) async -> [Result<LoadedFlow, FlowError>] {
    let loader = Result { try Shared.loader() }
    return await withTaskGroup(of: (Int, Result<LoadedFlow, FlowError>).self) { group in
        var outcomes = [Result<LoadedFlow, FlowError>?](repeating: nil, count: files.count)
        var next = 0
        func add() {
            guard next < files.count else { return }
            let index = next
            next += 1
            group.addTask {
                switch loader {
                case .success(let loader): (index, await outcome(files[index], loader))
                case .failure(let error): (index, .failure(FlowError(.internal, subject: files[index], "\(error)")))
                }
            }
        }
        add()
        add()
        for await (index, outcome) in group {
            outcomes[index] = outcome
            add()
        }
        return outcomes.compactMap { $0 }
    }
}
