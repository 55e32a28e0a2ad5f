/// A file to bring in, for a worker.
package struct FetchWork: WorkOrder {
    package var path: String
    package var account: String?
    package var artifact: String?
    package var maxBytes: Int

    package init(path: String, account: String? = nil, artifact: String? = nil, maxBytes: Int = Limits.fetchBytes) {
        self.path = path
        self.account = account
        self.artifact = artifact
        self.maxBytes = maxBytes
    }

    /// What the artifact is called: the last part of the path unless the order says otherwise.
    package var name: String { artifact ?? FetchWork.name(of: path) }

    static func name(of path: String) -> String { path.split(separator: "/").last.map(String.init) ?? "" }

    package func mapTexts<Failure: Error>(_ change: (String) throws(Failure) -> String) throws(Failure) -> FetchWork {
        var work = self
        work.path = try change(path)
        if let account { work.account = try change(account) }
        if let artifact { work.artifact = try change(artifact) }
        return work
    }
}
