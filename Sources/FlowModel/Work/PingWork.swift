/// A machine to look at, for a worker.
package struct PingWork: WorkOrder {
    package var host: String
    package var span: WatchSpan

    package init(host: String, span: WatchSpan) {
        self.host = host
        self.span = span
    }

    package var onlyWaits: Bool { true }

    package func mapTexts<Failure: Error>(_ change: (String) throws(Failure) -> String) throws(Failure) -> PingWork {
        PingWork(host: try change(host), span: span)
    }
}
