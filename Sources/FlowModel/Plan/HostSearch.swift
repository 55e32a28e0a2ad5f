/// Which hosts does this selector mean? Asked by a step when it begins: another step has made the selector.
package struct HostSearch: Hashable, Sendable {
    package var id: CallID
    package var selector: String
    /// The hosts that the run is kept to.
    package var limit: HostLimit?

    package init(id: CallID, selector: String, limit: HostLimit?) {
        self.id = id
        self.selector = selector
        self.limit = limit
    }
}
