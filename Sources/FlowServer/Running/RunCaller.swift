import FlowAPI
import FlowEngine
import FlowModel
import FlowWire
import Logging
import ServiceLifecycle

/// Makes the runs that steps ask for ready to begin: checks their inputs, finds their hosts, and hands them to the engine.
///
/// Orders that are lost with the process are asked for again by the engine when it starts.
final class RunCaller: Service {
    /// Calls that are made ready at once.
    private static let width = 8

    private let engine: Engine
    private let preparer: RunPreparer
    /// As many at most as there are steps that wait for a run.
    private let orders: AsyncStream<CallOrder>

    init(engine: Engine, preparer: RunPreparer, orders: AsyncStream<CallOrder>) {
        self.engine = engine
        self.preparer = preparer
        self.orders = orders
    }

    func run() async throws {
        await cancelWhenGracefulShutdown {
            await withTaskGroup(of: Void.self) { group in
                var running = 0
                for await order in self.orders {
                    if running == RunCaller.width {
                        await group.next()
                        running -= 1
                    }
                    group.addTask { await self.answer(order) }
                    running += 1
                }
            }
        }
    }

    private func answer(_ order: CallOrder) async {
        do {
            let request = try await preparer.prepare(order)
            let actor = Actor(person: order.person, user: order.user, names: [order.user], roles: [])
            engine.call(order.id, request, by: actor)
        } catch let error as FlowError {
            engine.refuse(order.id, because: "flow '\(order.plan.flow)' cannot begin: \(error.inOneLine)")
        } catch {
            engine.refuse(order.id, because: "flow '\(order.plan.flow)' cannot begin: \(error)")
        }
    }
}
