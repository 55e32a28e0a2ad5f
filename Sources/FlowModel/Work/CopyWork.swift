/// A file for a target, for a worker.
package struct CopyWork: WorkOrder {
    package var from: String
    package var to: String
    package var account: String?
    package var mode: String?

    package init(from: String, to: String, account: String? = nil, mode: String? = nil) {
        self.from = from
        self.to = to
        self.account = account
        self.mode = mode
    }

    package func mapTexts<Failure: Error>(_ change: (String) throws(Failure) -> String) throws(Failure) -> CopyWork {
        var work = self
        work.from = try change(from)
        work.to = try change(to)
        if let account { work.account = try change(account) }
        return work
    }
}
