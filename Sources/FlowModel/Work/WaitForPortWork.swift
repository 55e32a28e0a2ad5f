/// A port to look at, for a worker.
package struct WaitForPortWork: WorkOrder {
    package var endpoint: String
    package var span: WatchSpan

    package init(endpoint: String, span: WatchSpan) {
        self.endpoint = endpoint
        self.span = span
    }

    package var onlyWaits: Bool { true }

    package func mapTexts<Failure: Error>(_ change: (String) throws(Failure) -> String) throws(Failure) -> WaitForPortWork {
        WaitForPortWork(endpoint: try change(endpoint), span: span)
    }
}
