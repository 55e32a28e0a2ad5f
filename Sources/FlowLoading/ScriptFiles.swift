internal import FlowCrypto
internal import FlowModel

/// The script files that a plan embeds: read when it is loaded, named by digest from then on.
struct ScriptFiles {
    /// The folder of the flow file.
    let folder: String

    /// Reads every file and puts its digest in the plan. Gives the bytes and what was wrong.
    func embed(into plan: inout Plan) -> (assets: [Digest: [UInt8]], faults: [FlowError.Detail]) {
        var assets: [Digest: [UInt8]] = [:]
        var digests: [Digest: Asset] = [:]
        var faults: [FlowError.Detail] = []
        for asset in plan.assets {
            let user = plan.nodes.first { $0.work?.assets.contains(asset.digest) == true }
            do throws(FlowError) {
                let bytes = try read(asset.name)
                if let fault = ScriptText.fault(in: bytes) {
                    let path = folder == "." ? asset.name : "\(folder)/\(asset.name)"
                    faults.append(
                        FlowError.Detail(subject: asset.name, message: fault.message(path), location: "\(path):\(fault.line)"))
                    continue
                }
                let digest = Digest(of: bytes)
                assets[digest] = bytes
                digests[asset.digest] = Asset(name: asset.name, digest: digest, bytes: bytes.count)
            } catch {
                faults.append(
                    FlowError.Detail(
                        subject: user?.id ?? asset.name, message: error.message, location: user?.location?.description))
            }
        }
        let found = digests.mapValues(\.digest)
        for index in plan.nodes.indices {
            guard let spec = plan.nodes[index].work, !spec.assets.isEmpty else { continue }
            plan.nodes[index].kind = .work(Work(spec.replacing(assets: found)))
        }
        plan.assets = plan.assets.compactMap { digests[$0.digest] }
        for index in (plan.calls ?? []).indices {
            guard var called = plan.calls?[index].plan else { continue }
            let (more, missing) = embed(into: &called)
            plan.calls?[index].plan = called
            assets.merge(more) { old, _ in old }
            faults += missing
        }
        return (assets, faults)
    }

    private func read(_ name: String) throws(FlowError) -> [UInt8] {
        guard !name.isEmpty, !name.hasPrefix("/"), !name.utf8.contains(0) else {
            throw FlowError(.load, subject: name, "script file '\(name)': a path relative to the flow file is needed")
        }
        try ScriptFiles.refuseHidden(name.split(separator: "/"), name)
        guard let path = Files.real("\(folder)/\(name)") else {
            throw FlowError(.load, subject: name, "there is no script file '\(name)' in \(folder)" + nearest(to: name))
        }
        let root = repository() ?? Files.real(folder) ?? folder
        guard path.hasPrefix(root.hasSuffix("/") ? root : "\(root)/") else {
            throw FlowError(
                .load, subject: name,
                "script file '\(name)' is outside of \(root): only files of the flow's folder or repository are embedded")
        }
        try ScriptFiles.refuseHidden(below(path), name)
        let bytes = try Files.read(path, limit: Limits.scriptBytes)
        do throws(WrittenText.Fault) {
            let text = try WrittenText.text(of: bytes, keepsMark: true)
            guard !text.utf8.contains(0) else { throw WrittenText.Fault(message: "it contains a NUL character") }
        } catch {
            throw FlowError(.load, subject: name, "script file '\(name)' is not a text that a host can be sent: \(error.message)")
        }
        return bytes
    }

    /// What is embedded goes to the server and stands in the plan for whoever may look. Files with a dot in front are settings and secrets
    /// (`.git/config`, `.ssh`, `.env`), which the flow file of somebody else must not carry off.
    private static func refuseHidden(_ parts: some Sequence<Substring>, _ name: String) throws(FlowError) {
        for part in parts where part.hasPrefix(".") && part != "." && part != ".." {
            throw FlowError(
                .load, subject: name,
                "script file '\(name)' was not embedded: it is, or leads to, a path with '\(part)' in it, and nothing is embedded whose name, or "
                    + "folder's name, begins with a dot: give a script a name without one")
        }
    }

    /// The parts of a path that the flow's own folder does not have: a flow may stand below a folder such as `.config`.
    private func below(_ path: String) -> [Substring] {
        let own = (Files.real(folder) ?? folder).split(separator: "/")
        let parts = path.split(separator: "/")
        let common = zip(parts, own).prefix { $0 == $1 }.count
        return Array(parts.dropFirst(common))
    }

    /// The nearest folder upwards that holds a git repository.
    private func repository() -> String? {
        var place = Files.real(folder)
        while let folder = place, folder != "/" {
            if Files.exists("\(folder)/.git") { return folder }
            place = Files.folder(of: folder)
        }
        return nil
    }

    private func nearest(to name: String) -> String {
        let names = nearestNames(to: name, in: Files.names(in: folder))
        return names.isEmpty ? "" : ". Did you mean \(names.joined(separator: " or "))?"
    }
}
