internal import Glibc

/// The bug that is planted in this process: `FLOW_MUTANT`, 0 for none.
package enum Mutant {
    private static let number = getenv("FLOW_MUTANT").flatMap { Int(String(cString: $0)) } ?? 0

    package static func `is`(_ other: Int) -> Bool { number == other }
}
