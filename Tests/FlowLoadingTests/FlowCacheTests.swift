import FlowCrypto
import FlowLoading
import FlowModel
import Foundation
import Testing

/// Whatever became of what is kept: it is noted, made again and replaced, and the flow is the same.
@Suite("A damaged cache of compiled flows", .timeLimit(.minutes(10)))
struct FlowCacheTests {
    private static let damages: [(String, @Sendable (String) throws -> Void)] = [
        ("a truncated description", { try cut("\($0)/entry") }), ("an empty description", { try Data().write(to: URL(filePath: "\($0)/entry")) }),
        ("another command in the description", { try change("\($0)/entry", "true", "tru3") }),
        ("a description that is a folder", { try folder("\($0)/entry") }),
        ("no description", { try FileManager.default.removeItem(atPath: "\($0)/entry") }),
        ("a truncated program", { try cut("\($0)/flow") }), ("another program", { try change("\($0)/flow", "ELF", "FLE") }),
        ("an empty program", { try Data().write(to: URL(filePath: "\($0)/flow")) }), ("a program that is a folder", { try folder("\($0)/flow") }),
        ("no program", { try FileManager.default.removeItem(atPath: "\($0)/flow") }),
        ("an unreadable description", { try FileManager.default.setAttributes([.posixPermissions: 0], ofItemAtPath: "\($0)/entry") }),
        (
            "a file in place of the folder",
            {
                try FileManager.default.removeItem(atPath: $0); try Data().write(to: URL(filePath: $0))
            }
        ),
        (
            "a link to nothing",
            {
                try FileManager.default.removeItem(atPath: $0); symlink("/nonexistent", $0)
            }
        ),
    ]

    @Test func `mends itself`() async throws {
        let folder = try TemporaryFolder()
        var environment = try Shared.environment()
        environment["FLOW_CACHE"] = folder.path + "/cache"
        let loader = FlowLoader(environment: environment)
        let file = try folder.write(
            """
            import FlowDSL
            @main struct A: Flow { var body: some FlowBody { shell("a", "true"); step("b") { context in 1 } } }

            """, to: "a.swift")
        let first = try await loader.load(file: file)
        #expect(first.notices == [])
        let flows = folder.path + "/cache/flows"
        let entry = "\(flows)/\(try #require(try FileManager.default.contentsOfDirectory(atPath: flows).first))"
        let key = try #require(Digest(hex: URL(filePath: entry).lastPathComponent))
        let cache = try FlowCache(environment: environment)
        let kept = folder.path + "/kept"
        try FileManager.default.copyItem(atPath: entry, toPath: kept)
        for (name, damage) in Self.damages {
            // Root reads it all the same.
            if name.hasPrefix("an unreadable"), geteuid() == 0 { continue }
            try damage(entry)
            guard case .damaged = cache.find(key) else {
                Issue.record("\(name): \(cache.find(key))")
                continue
            }
            // Compiling takes seconds: one of each shape.
            if ["another command in the description", "a program that is a folder", "a link to nothing"].contains(name) {
                let again = try await loader.load(file: file)
                #expect(!again.timings.isCached && again.plan == first.plan, "\(name)")
                #expect(again.notices.count == 1 && again.notices[0].contains("is damaged"), "\(name): \(again.notices)")
                let program = try #require(again.binary)
                #expect(Digest(of: Array(try Data(contentsOf: URL(filePath: program)))) == again.binaryDigest, "\(name)")
                let next = try await loader.load(file: file)
                #expect(next.timings.isCached && next.notices == [], "\(name)")
            }
            try FileManager.default.removeItem(atPath: entry)
            try FileManager.default.copyItem(atPath: kept, toPath: entry)
        }
    }

    @Test func `work that a killed process left is removed, and none that somebody has`() throws {
        let folder = try TemporaryFolder()
        var environment = try Shared.environment()
        environment["FLOW_CACHE"] = folder.path + "/cache"
        let cache = try FlowCache(environment: environment)
        let left = folder.path + "/cache/work/left"
        try FileManager.default.createDirectory(atPath: left, withIntermediateDirectories: false)
        try Data("a".utf8).write(to: URL(filePath: left + "/a.swift"))
        let one = try cache.makeWorkFolder()
        #expect(!FileManager.default.fileExists(atPath: left))
        let other = try cache.makeWorkFolder()
        #expect(FileManager.default.fileExists(atPath: one.path) && FileManager.default.fileExists(atPath: other.path))
        one.remove()
        #expect(!FileManager.default.fileExists(atPath: one.path))
        withExtendedLifetime((one, other)) {}
    }

    @Test func `modules that the compiler kept are made again`() async throws {
        let folder = try TemporaryFolder()
        var environment = try Shared.environment()
        environment["FLOW_CACHE"] = folder.path + "/cache"
        let loader = FlowLoader(environment: environment)
        func file(_ name: String) throws -> String {
            try folder.write(
                "import FlowDSL\n@main struct A: Flow { var body: some FlowBody { shell(\"\(name)\", \"true\") } }\n", to: "\(name).swift")
        }
        _ = try await loader.load(file: try file("one"))
        let modules = try #require(FileManager.default.enumerator(atPath: folder.path + "/cache/modules"))
        var damaged = 0
        for case let name as String in modules where name.hasSuffix(".pcm") || name.hasSuffix(".swiftmodule") {
            #expect(truncate("\(folder.path)/cache/modules/\(name)", 100) == 0)
            damaged += 1
        }
        #expect(damaged > 0)
        let flow = try await loader.load(file: try file("two"))
        #expect(flow.plan.nodes.map(\.name) == ["two"])
        #expect(flow.notices.count == 1 && flow.notices[0].contains("modules"), "\(flow.notices)")
    }

    @Test func `a mistake in an import leaves them to others`() async throws {
        let folder = try TemporaryFolder()
        var environment = try Shared.environment()
        environment["FLOW_CACHE"] = folder.path + "/cache"
        let loader = FlowLoader(environment: environment)
        let body = "@main struct A: Flow { var body: some FlowBody { shell(\"a\", \"true\") } }\n"
        _ = try await loader.load(file: try folder.write("import FlowDSL\n" + body, to: "one.swift"))
        let modules = folder.path + "/cache/modules"
        var before = stat()
        #expect(stat(modules, &before) == 0)
        let wrong = try folder.write("import FlowDSL\nimport Fondation\n" + body, to: "two.swift")
        let error = await #expect(throws: FlowError.self) { try await loader.load(file: wrong) }
        #expect(error?.errors.first?.message.contains("no such module 'Fondation'") == true, "\(error?.errors ?? [])")
        var after = stat()
        #expect(stat(modules, &after) == 0 && before.st_ino == after.st_ino)
    }

    private static func cut(_ path: String) throws {
        let size = try FileManager.default.attributesOfItem(atPath: path)[.size] as? Int ?? 0
        #expect(truncate(path, off_t(size / 2)) == 0)
    }

    private static func change(_ path: String, _ old: String, _ new: String) throws {
        var bytes = try Data(contentsOf: URL(filePath: path))
        let place = try #require(bytes.range(of: Data(old.utf8)))
        bytes.replaceSubrange(place, with: Data(new.utf8))
        // In place, as a failing disk does it.
        let file = try FileHandle(forWritingTo: URL(filePath: path))
        try file.write(contentsOf: bytes)
        try file.close()
    }

    private static func folder(_ path: String) throws {
        try FileManager.default.removeItem(atPath: path)
        try FileManager.default.createDirectory(atPath: path + "/inner", withIntermediateDirectories: true)
    }
}
