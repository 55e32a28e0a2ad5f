package import FlowModel
internal import Glibc

/// The compiler and the FlowDSL that flow files are compiled with.
package struct Toolchain: Sendable {
    package let compiler: String
    /// The folder of `FlowDSL.swiftmodule`.
    package let modules: String
    /// What is linked: `libFlowDSL.a`, or the object files of a build tree.
    let objects: [String]
    /// Changes with every change of compiler or DSL.
    let identity: String

    /// Finds both, spawning nothing.
    ///
    /// FlowDSL is looked for where `FLOW_DSL` says, beside the executable (a build tree), and in `../lib/flow` (installed); the
    /// compiler is `swiftc` in `PATH`.
    package static func find(environment: [String: String] = FlowLoader.environment) throws(FlowError) -> Toolchain {
        let home = try DSLHome.find(environment)
        guard let compiler = find("swiftc", environment["PATH"] ?? "") else {
            throw FlowError(
                .load, subject: "swiftc", "no flow file can be compiled: there is no swiftc in PATH",
                hint: "install Swift 6.2 or later (https://www.swift.org/install), or load a plan in JSON")
        }
        let inputs = [compiler, "\(home.modules)/FlowDSL.swiftmodule", "\(home.modules)/FlowModel.swiftmodule"] + home.objects
        let stamps = inputs.map { Files.stamp($0)?.text ?? "-" }
        return Toolchain(
            compiler: compiler, modules: home.modules, objects: home.objects, identity: stamps.joined(separator: "\n"))
    }

    /// Where the compiler's own libraries are: a compiled flow loads them.
    var libraries: String? {
        Files.real(compiler).flatMap(Files.folder).map { "\($0)/../lib/swift/linux" }.flatMap(Files.real)
    }

    private static func find(_ name: String, _ path: String) -> String? {
        path.split(separator: ":").map { "\($0)/\(name)" }.first(where: Files.isExecutable)
    }
}

/// A place where FlowDSL is.
struct DSLHome {
    var modules: String
    var objects: [String]

    static func find(_ environment: [String: String]) throws(FlowError) -> DSLHome {
        var places: [String] = []
        if let given = environment["FLOW_DSL"], !given.isEmpty {
            places = [given]
        } else if let executable = Files.real("/proc/self/exe"), let folder = Files.folder(of: executable) {
            places = [folder, "\(folder)/../lib/flow"]
        }
        for place in places {
            if let home = DSLHome(place) { return home }
        }
        throw FlowError(
            .load, subject: "FlowDSL",
            "no flow file can be compiled: FlowDSL is not in \(places.joined(separator: " or in "))",
            hint: "install Flow with 'make install PREFIX=…', or name the folder of Modules and libFlowDSL.a in FLOW_DSL")
    }

    private init?(_ place: String) {
        modules = Files.real("\(place)/Modules") ?? ""
        guard Files.exists("\(modules)/FlowDSL.swiftmodule") else { return nil }
        let built = DSLHome.objects(of: "FlowDSL", in: place) + DSLHome.objects(of: "FlowModel", in: place)
        let archive = "\(place)/libFlowDSL.a"
        // In a build tree the objects are newer than the archive when only a target was built.
        if !built.isEmpty {
            objects = built
        } else if Files.exists(archive) {
            objects = [archive]
        } else {
            return nil
        }
    }

    /// The object files of a target, by the list of its sources: the folder may hold those of files that are gone.
    private static func objects(of target: String, in place: String) -> [String] {
        let folder = "\(place)/\(target).build"
        guard let list = try? Files.read("\(folder)/sources", limit: LoadLimits.sourceBytes) else { return [] }
        let sources = String(decoding: list, as: UTF8.self).split(whereSeparator: \.isNewline)
        let objects = sources.map { source in
            // The build tool quotes paths with spaces.
            "\(folder)/\(Files.name(of: source.trimmingQuotes())).o"
        }
        return objects.allSatisfy(Files.exists) ? objects : []
    }
}

extension Substring {
    fileprivate func trimmingQuotes() -> String { filter { $0 != "'" && $0 != "\"" } }
}
