/// One number for Prometheus, found out when it is asked for.
package struct Figure: Sendable {
    package var name: String
    package var help: String
    package var label: (name: String, value: String)?
    package var value: Double

    package init(_ name: String, _ help: String, label: (name: String, value: String)? = nil, _ value: Double) {
        self.name = name
        self.help = help
        self.label = label
        self.value = value
    }
}
