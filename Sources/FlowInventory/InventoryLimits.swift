/// The bounds of an inventory, by name.
package enum InventoryLimits {
    /// Bytes of an inventory file, and of a known_hosts file that is imported.
    package static let fileBytes = 64 << 20
    package static let hosts = 100_000
    package static let groups = 10_000
    /// Labels of one host.
    package static let labels = 64
    package static let hostKeys = 16
    package static let nameCharacters = 253
    package static let valueCharacters = 1_024
    /// Bytes of a selector, and its nesting.
    package static let selectorBytes = 64 << 10
    package static let selectorDepth = 64
    /// Nesting of an inventory file.
    package static let depth = 16
    /// Unknown names in one selector for which the nearest ones are looked for.
    package static let guesses = 5
    /// Faults of a file that are listed.
    package static let faults = 50
}
