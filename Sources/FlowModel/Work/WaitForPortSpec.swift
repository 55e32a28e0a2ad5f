/// Waits until something answers on a TCP port, or until nothing does any more. Output: `{"seconds","tries"}`.
package struct WaitForPortSpec: Hashable, Sendable, Codable {
    package enum Goal: String, Hashable, Sendable, Codable, CaseIterable {
        /// A connection is taken.
        case open
        /// None is: refused, or no answer.
        case closed
    }

    /// `address:port`; an IPv6 address in brackets.
    package var endpoint: Expression
    package var goal: Goal
    /// Whole seconds between two tries, at least 1.
    package var intervalSeconds: Int
    /// Whole seconds until it fails.
    package var timeoutSeconds: Int
    /// From which host; nil means from here.
    package var target: Expression?

    package init(endpoint: Expression, goal: Goal, intervalSeconds: Int, timeoutSeconds: Int, target: Expression? = nil) {
        self.endpoint = endpoint
        self.goal = goal
        self.intervalSeconds = intervalSeconds
        self.timeoutSeconds = timeoutSeconds
        self.target = target
    }
}

extension WaitForPortSpec: WorkSpec {
    package static let kind = "waitForPort"
    package static let shape = TypeShape.object([.init(name: "seconds", shape: .double), .init(name: "tries", shape: .int)])

    package var expressions: [Expression] { [endpoint] + [target].compactMap { $0 } }

    package func order(_ values: WorkValues) throws(EvaluationError) -> any WorkOrder {
        WaitForPortWork(endpoint: try values.text(endpoint), goal: goal, intervalSeconds: intervalSeconds, timeoutSeconds: timeoutSeconds)
    }

    package func outputShape(declared: TypeShape?) -> TypeShape? { WaitForPortSpec.shape }

    package func assumedOutput(_ given: JSON?) -> JSON { given ?? [:] }

    /// To look changes nothing.
    package var isRepeatable: Bool { true }

    package func faults(in plan: Plan) -> [String] {
        var faults: [String] = []
        if case .literal(let value) = endpoint, Endpoint(value.text) == nil { faults.append("its '\(value.text)' \(Endpoint.rule)") }
        if !(1...Limits.portIntervalSeconds).contains(intervalSeconds) {
            faults.append("it must look again after 1 second to \(Limits.portIntervalSeconds / 60) minutes, found \(intervalSeconds) s")
        }
        if !(1...Int(Limits.waitSeconds)).contains(timeoutSeconds) {
            faults.append("its time-out must be 1 second to a hundred years, found \(timeoutSeconds) s")
        }
        return faults
    }

    package func summary(_ words: any ExpressionWords) -> String? {
        let goal = goal == .open ? "until \(words.text(endpoint)) answers" : "until \(words.text(endpoint)) no longer answers"
        return "\(goal), from \(target.map(words.text) ?? "here"), every \(intervalSeconds) s, \(timeoutSeconds) s at most"
    }

    /// An address or name, and a port.
    package struct Endpoint: Hashable, Sendable {
        package static let rule = "is not an address and a port, such as web-1:8080 or [2001:db8::1]:443"

        package let host: String
        package let port: Int

        package init?(_ text: String) {
            guard let colon = text.lastIndex(of: ":") else { return nil }
            var host = text[..<colon]
            let digits = text[text.index(after: colon)...]
            guard (1...5).contains(digits.utf8.count), digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let port = Int(digits),
                (1...65_535).contains(port)
            else { return nil }
            if host.hasPrefix("["), host.hasSuffix("]") {
                host = host.dropFirst().dropLast()
                guard host.contains(":") else { return nil }
            } else if host.contains(":") {
                return nil
            }
            // What names and addresses are made of; `%` for the zone of a link-local one. No name begins with a dash: it would be an option.
            func isPart(_ byte: UInt8) -> Bool {
                (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte) || ".-_:%".utf8.contains(byte)
            }
            guard !host.isEmpty, host.utf8.count <= 253, !host.hasPrefix("-"), host.utf8.allSatisfy(isPart) else { return nil }
            (self.host, self.port) = (String(host), port)
        }
    }
}
