package import FlowModel

/// A script as `flowctl rehearse` takes it.
package struct RehearsalOptions: Hashable, Sendable {
    /// `STEP[=STATUS|timeout|lost][xTIMES]`
    package var fail: [String] = []
    package var unreachable: [String] = []
    /// `STEP=JSON`
    package var output: [String] = []
    /// `STEP[=JSON]`
    package var approve: [String] = []
    package var reject: [String] = []
    package var expire: [String] = []
    /// `NAME=JSON`
    package var signal: [String] = []
    /// `STEP=SECONDS`
    package var take: [String] = []
    /// `STEP=retry|skip|succeeded|failed|release|undo`
    package var decide: [String] = []
    /// When the run has ended it is undone.
    package var undo = false
    /// RFC 3339 in UTC.
    package var at: String?

    package init() {}
}

extension RehearsalScript {
    /// Reads the options; all that cannot be read is told at once.
    package init(_ options: RehearsalOptions) throws(FlowError) {
        self.init()
        var reader = OptionReader()
        for text in options.fail { if let rule = reader.fault(text) { faults.append(rule) } }
        for text in options.output { if let rule = reader.output(text) { outputs.append(rule) } }
        for text in options.take { if let rule = reader.seconds(text) { seconds.append(rule) } }
        for text in options.decide { if let rule = reader.remedy(text) { remedies.append(rule) } }
        for text in options.approve { if let rule = reader.approval(text) { verdicts.append(rule) } }
        for text in options.reject { if let rule = reader.verdict(text, .reject, "--reject") { verdicts.append(rule) } }
        for text in options.expire { if let rule = reader.verdict(text, .expire, "--expire") { verdicts.append(rule) } }
        for text in options.signal { if let (name, value) = reader.signal(text) { signals[name] = value } }
        unreachable = options.unreachable
        isUndone = options.undo
        if let at = options.at { start = reader.instant(at) ?? start }
        try reader.finish()
    }
}

/// Reads options, and collects what is wrong with them.
private struct OptionReader {
    private var faults: [FlowError.Detail] = []

    func finish() throws(FlowError) {
        guard !faults.isEmpty else { return }
        throw FlowError(
            .usage, subject: faults[0].subject,
            "Nothing was rehearsed: \(faults.count == 1 ? "an option cannot" : "\(faults.count) options cannot") be read.",
            hint: "flowctl rehearse --help", errors: faults)
    }

    private mutating func fault(_ option: String, _ message: String) { faults.append(.init(subject: option, message: message)) }

    /// `STEP` and what stands behind the first `=` that is not in brackets.
    private mutating func split(_ text: String, _ option: String) -> (steps: StepPattern, value: String?)? {
        var depth = 0
        let equals = text.firstIndex { character in
            depth += character == "[" ? 1 : character == "]" ? -1 : 0
            return character == "=" && depth <= 0
        }
        guard let steps = StepPattern(String(text[..<(equals ?? text.endIndex)])) else {
            fault("\(option) \(text)", "does not begin with the name or path of a step, such as switch or 'deploy[web-3]/switch'")
            return nil
        }
        return (steps, equals.map { String(text[text.index(after: $0)...]) })
    }

    mutating func fault(_ text: String) -> RehearsalScript.Rule<RehearsalScript.Fault>? {
        guard let (steps, value) = split(text, "--fail") else { return nil }
        var how = value ?? ""
        var times: Int?
        if let mark = how.lastIndex(of: "x"), let number = Int(how[how.index(after: mark)...]), number > 0 {
            times = number
            how = String(how[..<mark])
        }
        let failure: RehearsalScript.Failure? =
            switch how {
            case "": .status(nil)
            case "timeout": .timeout
            case "lost": .lost
            default: Int(how).map { .status($0) }
            }
        guard let failure, value != "" else {
            fault("--fail \(text)", "must end in =STATUS, =timeout or =lost, with xTIMES behind it for the first attempts only")
            return nil
        }
        return .init(steps, .init(failure, times: times), source: "--fail \(text)")
    }

    mutating func output(_ text: String) -> RehearsalScript.Rule<JSON>? {
        guard let (steps, value) = split(text, "--output") else { return nil }
        return json(value, "--output \(text)").map { .init(steps, $0, source: "--output \(text)") }
    }

    private mutating func json(_ text: String?, _ option: String) -> JSON? {
        guard let text else {
            fault(option, "needs a value in JSON behind a '='")
            return nil
        }
        do throws(JSONError) {
            return try JSON.parse(text)
        } catch {
            fault(option, "is not JSON (\(error)); a text stands in quotes: '\"1.4.2\"'")
            return nil
        }
    }

    mutating func seconds(_ text: String) -> RehearsalScript.Rule<Double>? {
        guard let (steps, value) = split(text, "--take") else { return nil }
        guard let seconds = value.flatMap(Double.init), seconds >= 0, seconds <= RehearsalLimits.takeSeconds else {
            fault("--take \(text)", "must end in =SECONDS, from 0 to a hundred years")
            return nil
        }
        return .init(steps, seconds, source: "--take \(text)")
    }

    mutating func remedy(_ text: String) -> RehearsalScript.Rule<RehearsalScript.Remedy>? {
        guard let (steps, value) = split(text, "--decide") else { return nil }
        guard let remedy = value.flatMap(RehearsalScript.Remedy.init) else {
            fault("--decide \(text)", "must end in one of \(RehearsalScript.Remedy.allCases.map { "=\($0.rawValue)" }.joined(separator: ", "))")
            return nil
        }
        return .init(steps, remedy, source: "--decide \(text)")
    }

    mutating func approval(_ text: String) -> RehearsalScript.Rule<RehearsalScript.Verdict>? {
        guard let (steps, value) = split(text, "--approve") else { return nil }
        guard value != nil else { return .init(steps, .approve([:]), source: "--approve \(text)") }
        guard let answers = json(value, "--approve \(text)") else { return nil }
        guard let members = answers.objectValue else {
            fault("--approve \(text)", "must give the answers to its fields as an object, found \(answers.typeName)")
            return nil
        }
        return .init(steps, .approve(members), source: "--approve \(text)")
    }

    mutating func verdict(
        _ text: String, _ verdict: RehearsalScript.Verdict, _ option: String
    ) -> RehearsalScript.Rule<RehearsalScript.Verdict>? {
        guard let (steps, value) = split(text, option) else { return nil }
        guard value == nil else {
            fault("\(option) \(text)", "takes the name of a step alone")
            return nil
        }
        return .init(steps, verdict, source: "\(option) \(text)")
    }

    mutating func signal(_ text: String) -> (String, JSON)? {
        guard let equals = text.utf8.firstIndex(of: UInt8(ascii: "=")), equals != text.startIndex else {
            fault("--signal \(text)", "must be NAME=JSON: the signal, and what comes with its message")
            return nil
        }
        let value = json(String(text[text.utf8.index(after: equals)...]), "--signal \(text)")
        return value.map { (String(text[..<equals]), $0) }
    }

    mutating func instant(_ text: String) -> Instant? {
        guard let instant = Instant(text) else {
            fault("--at \(text)", "is not a time such as \(RehearsalScript.usualStart)")
            return nil
        }
        guard RehearsalScript.starts.contains(instant) else {
            fault("--at \(text)", "must be a time from \(RehearsalScript.starts.lowerBound) to \(RehearsalScript.starts.upperBound)")
            return nil
        }
        return instant
    }
}
