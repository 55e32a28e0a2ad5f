internal import FlowModel

/// What `undo:` of a step says: steps that take back what it did.
enum Undoing {
    /// Takes down the body of `undo:` of the step that has just been taken down.
    static func record(_ step: String, named name: String, _ site: Site, _ body: () -> any FlowBody) {
        let frames = Recorder.current?.change { $0.frames } ?? []
        Recorder.current?.change { $0.openMap(step, part: .undo, isHostMap: false) }
        _ = body()
        guard Recorder.current?.change({ $0.closeMap() }) != nil else { return }
        if frames.contains(where: { $0.part == .undo }) {
            Recorder.complain(name, "step '\(name)' undoes something: it cannot have an 'undo:' of its own", site)
        } else if frames.contains(where: \.isFinally) {
            Recorder.complain(name, "step '\(name)' stands in finally { }, which cleans up and is never undone: it cannot have an 'undo:'", site)
        }
    }
}
