/// Work that is cancelled when its time is over.
enum Deadline {
    private enum Event<Value: Sendable>: Sendable {
        case ended(Result<Value, any Error>)
        case late
        case interrupted
    }

    /// How it ended, and whether its time was over before.
    static func run<Value: Sendable>(
        _ seconds: Double?, _ work: @escaping @Sendable () async throws -> Value
    ) async -> (Result<Value, any Error>, isLate: Bool) {
        await withTaskGroup(of: Event<Value>.self) { group in
            group.addTask {
                do {
                    return .ended(.success(try await work()))
                } catch {
                    return .ended(.failure(error))
                }
            }
            if let seconds {
                group.addTask {
                    do {
                        try await Task.sleep(for: .seconds(seconds))
                        return .late
                    } catch {
                        return .interrupted
                    }
                }
            }
            var isLate = false
            for await event in group {
                switch event {
                case .ended(let result):
                    group.cancelAll()
                    return (result, isLate)
                case .late:
                    isLate = true
                    group.cancelAll()
                case .interrupted: continue
                }
            }
            preconditionFailure("work ended without a result")
        }
    }
}
