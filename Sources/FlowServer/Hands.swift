import FlowAPI
import FlowModel
import FlowStoreSQLite
import Logging
import ServiceLifecycle
import Workers
struct Hands: Sendable {
    let dispatcher: any AttemptDispatcher
    let outputs: any OutputReader
    let service: any Service
    let reach: HostReach
    init(home: Home, configuration: ServerConfiguration, store: SQLiteStore, vault: Vault, relay: ReportRelay, logger: Logger) throws {
        dispatcher = Quick(relay: relay)
        outputs = None()
        service = Nothing()
        reach = HostReach(ssh: try SSHPool())
    }
    func removeOutputs(endedBefore: Instant) async throws {}
    struct Nothing: Service { func run() async throws { try await gracefulShutdown() } }
    struct None: OutputReader {
        func output(of run: RunID, step: StepPath, attempt: Int, stream: OutputStream, offset: Int, limit: Int) async throws -> [UInt8] { [] }
        func lastLine(of run: RunID, step: StepPath, attempt: Int) async throws -> String? { nil }
    }
    final class Quick: AttemptDispatcher {
        let relay: ReportRelay
        init(relay: ReportRelay) { self.relay = relay }
        func dispatch(_ order: AttemptOrder) {
            relay.report(AttemptReport(id: order.id, fence: order.fence, event: .ended(AttemptResult(outcome: .failed(.init(.infrastructure, "no hands"))))))
        }
        func proceed(_ id: AttemptID) {}
        func stop(_ id: AttemptID, force: Bool) {}
        func forget(_ id: AttemptID, target: Host?) {}
    }
}
struct CommandHook: NotificationHook {
    let command: [String]
    let timeoutSeconds: Double
    func deliver(_ message: JSON) async throws {}
}
