/// The hosts that a run, and every run that it calls, is kept to: what a selector meant when it was started.
package struct HostLimit: Hashable, Sendable {
    package var selector: String
    /// In the order of the inventory.
    package var hosts: [String]

    package init(selector: String, hosts: [String]) {
        self.selector = selector
        self.hosts = hosts
    }
}
