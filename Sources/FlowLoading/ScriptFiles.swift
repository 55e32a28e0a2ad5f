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
            let user = plan.nodes.first { $0.asset == asset.digest }
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
        for index in plan.nodes.indices {
            guard case .shell(var shell) = plan.nodes[index].kind, case .asset(let number) = shell.source,
                let asset = digests[number]
            else { continue }
            shell.source = .asset(asset.digest)
            plan.nodes[index].kind = .shell(shell)
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
        guard let path = Files.real("\(folder)/\(name)") else {
            throw FlowError(.load, subject: name, "there is no script file '\(name)' in \(folder)" + nearest(to: name))
        }
        let root = repository() ?? Files.real(folder) ?? folder
        guard path.hasPrefix(root.hasSuffix("/") ? root : "\(root)/") else {
            throw FlowError(
                .load, subject: name,
                "script file '\(name)' is outside of \(root): only files of the flow's folder or repository are embedded")
        }
        let bytes = try Files.read(path, limit: Limits.scriptBytes)
        guard !bytes.contains(0), String(validating: bytes, as: UTF8.self) != nil else {
            throw FlowError(
                .load, subject: name, "script file '\(name)' is not a text: it has bytes that are not UTF-8, or NUL")
        }
        return bytes
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

extension Node {
    fileprivate var asset: Digest? {
        if case .shell(let shell) = kind, case .asset(let digest) = shell.source { digest } else { nil }
    }
}
