/// A port to look at, for a worker.
package struct WaitForPortWork: WorkOrder {
    package var endpoint: String
    package var goal: WaitForPortSpec.Goal
    package var intervalSeconds: Int
    package var timeoutSeconds: Int

    package init(endpoint: String, goal: WaitForPortSpec.Goal, intervalSeconds: Int, timeoutSeconds: Int) {
        self.endpoint = endpoint
        self.goal = goal
        self.intervalSeconds = intervalSeconds
        self.timeoutSeconds = timeoutSeconds
    }

    package func mapTexts<Failure: Error>(_ change: (String) throws(Failure) -> String) throws(Failure) -> WaitForPortWork {
        var work = self
        work.endpoint = try change(endpoint)
        return work
    }
}
