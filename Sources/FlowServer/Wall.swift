import CFlowShims
import FlowModel
import NIOPosix

/// The real clock. Only the composition root has it; everything else is given one.
enum Wall {
    static let now: @Sendable () -> Instant = { Instant(milliseconds: flow_wall_milliseconds()) }
}

/// Does work that blocks on a thread made for it, never on Swift's.
func onThreadPool<Value: Sendable>(_ work: @escaping @Sendable () throws -> Value) async throws -> Value {
    try await NIOThreadPool.singleton.runIfActive(work)
}
