import CFlowShims
package import FlowModel
import NIOPosix

/// The real clock. Only the composition root has it; everything else is given one.
enum Wall {
    static let now: @Sendable () -> Instant = { Instant(milliseconds: flow_wall_milliseconds()) }
}

/// The clocks of a machine.
package struct Clocks: Sendable {
    /// The one on the wall, which people and time servers set.
    package var wall: @Sendable () -> Instant
    /// Milliseconds by one that nobody sets and that goes on while the machine sleeps.
    package var elapsed: @Sendable () -> Int64

    package init(wall: @escaping @Sendable () -> Instant, elapsed: @escaping @Sendable () -> Int64) {
        self.wall = wall
        self.elapsed = elapsed
    }

    package static let machine = Clocks(wall: Wall.now, elapsed: { flow_elapsed_milliseconds() })
}

/// Does work that blocks on a thread made for it, never on Swift's.
func onThreadPool<Value: Sendable>(_ work: @escaping @Sendable () throws -> Value) async throws -> Value {
    try await NIOThreadPool.singleton.runIfActive(work)
}
