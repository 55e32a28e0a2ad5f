/// Something on the network to look at, for a worker: a port or a machine.
package struct WatchWork: WorkOrder {
    package enum Subject: Hashable, Sendable {
        /// `address:port`.
        case port(String)
        /// An address or name.
        case machine(String)

        package var text: String {
            switch self {
            case .port(let text), .machine(let text): text
            }
        }
    }

    package var subject: Subject
    package var span: WatchSpan

    package init(_ subject: Subject, span: WatchSpan) {
        self.subject = subject
        self.span = span
    }

    package var onlyWaits: Bool { true }

    package var peer: String? {
        switch subject {
        case .port(let text): NetworkAddress(text)?.host
        case .machine(let text): text
        }
    }

    package func mapTexts<Failure: Error>(_ change: (String) throws(Failure) -> String) throws(Failure) -> WatchWork {
        switch subject {
        case .port(let text): WatchWork(.port(try change(text)), span: span)
        case .machine(let text): WatchWork(.machine(try change(text)), span: span)
        }
    }
}
