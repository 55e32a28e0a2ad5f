import FlowEngine
import FlowModel
import ServiceLifecycle

/// Waits for the next time of any schedule: one wait for all of them.
struct ScheduleService: Service {
    /// The clock on the wall may be set: it is looked at this often.
    private static let longestSeconds = 60.0

    let scheduler: Scheduler
    let engine: Engine

    func run() async throws {
        await cancelWhenGracefulShutdown {
            await withTaskGroup(of: Void.self) { group in
                group.addTask {
                    for await change in engine.changes() where change.state.isTerminal { await scheduler.runEnded() }
                }
                while !Task.isCancelled {
                    let next = await scheduler.turn()
                    let seconds = next?.seconds(since: scheduler.now()) ?? ScheduleService.longestSeconds
                    await wait(min(max(seconds, 0), ScheduleService.longestSeconds))
                }
                group.cancelAll()
            }
        }
    }

    /// Returns after so many seconds, or when something has changed.
    private func wait(_ seconds: Double) async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                if (try? await Task.sleep(for: .seconds(seconds))) != nil { scheduler.bell.ring() }
            }
            await scheduler.bell.wait()
            group.cancelAll()
        }
    }
}
