/// Checks what somebody gives a flow against its parameters, and completes it with the defaults. All faults are found at once.
package enum InputValidation {
    /// Every parameter with its value. Throws `inputs` with one detail for each fault: unknown names (with the nearest known
    /// ones), missing values, wrong types, patterns and choices that do not hold, characters that no input may have.
    package static func resolve(_ parameters: [Parameter], given: [String: JSON]) throws(FlowError) -> [String: JSON] {
        let (values, faults) = complete(parameters, given, noun: "a parameter of the flow")
        guard faults.isEmpty else {
            throw FlowError(
                .inputs, subject: "inputs",
                "Nothing was started: \(faults.count == 1 ? "one input is" : "\(faults.count) inputs are") not acceptable.",
                hint: parameters.contains { parameter in parameter.isSecret && faults.contains { $0.subject == parameter.name } }
                    ? "Give secrets with --inputs FILE.json, which no process list shows; others with -p NAME=VALUE, too"
                    : "Give inputs with -p NAME=VALUE or --inputs FILE.json", errors: faults)
        }
        return values
    }

    /// Every field of an approval with its answer; throws like `resolve`.
    package static func answers(_ fields: [Parameter], given: [String: JSON], to approval: String) throws(FlowError) -> [String: JSON] {
        let (values, faults) = complete(fields, given, noun: "a field of the approval")
        guard faults.isEmpty else {
            throw FlowError(
                .inputs, subject: approval,
                "The vote was not counted: \(faults.count == 1 ? "one field is" : "\(faults.count) fields are") not acceptable.",
                hint: "Give answers with --field NAME=VALUE", errors: faults)
        }
        return values
    }

    private static func complete(
        _ parameters: [Parameter], _ given: [String: JSON], noun: String
    ) -> (values: [String: JSON], faults: [FlowError.Detail]) {
        var faults: [FlowError.Detail] = []
        var values: [String: JSON] = [:]
        var steps = Limits.patternSteps
        for name in given.keys.sorted() where !parameters.contains(where: { $0.name == name }) {
            faults.append(.init(subject: name, message: unknown(name, parameters, noun)))
        }
        for parameter in parameters {
            guard let value = given[parameter.name] ?? parameter.fallback else {
                let choices = parameter.choices.isEmpty ? "" : ", one of \(allowed(by: parameter))"
                let help = parameter.help.isEmpty ? "" : " (\(parameter.help))"
                faults.append(.init(subject: parameter.name, message: "is missing: \(parameter.kind.words)\(choices)\(help)"))
                continue
            }
            let messages = self.faults(of: value, for: parameter, steps: &steps)
            faults += messages.map { FlowError.Detail(subject: parameter.name, message: $0) }
            values[parameter.name] = parameter.kind.normal(value)
        }
        let secrets = parameters.filter { $0.isSecret && values[$0.name] != nil }
        let bytes = secrets.reduce(0) { $0 + (values[$1.name]?.stringValue?.utf8.count ?? 0) }
        if bytes > Limits.secretBytes {
            faults += secrets.map { FlowError.Detail(subject: $0.name, message: tooManySecretBytes(values[$0.name], of: bytes)) }
        }
        return (values, faults)
    }

    /// The value that a text on the command line means for a parameter of this kind; nil when it means none.
    ///
    /// Lists are JSON (`["a","b"]`) or elements with commas between them. What begins with `[` is meant as JSON: else half of it would
    /// become the name of something.
    package static func parse(_ text: String, as kind: Parameter.Kind) -> JSON? {
        switch kind {
        case .string, .selector: return .string(text)
        case .int: return Int(text).map(JSON.int)
        case .double: return Double(text).flatMap { $0.isFinite ? .double($0) : nil }
        case .bool: return text == "true" ? true : text == "false" ? false : nil
        case .list(let element):
            if text.hasPrefix("[") { return (try? JSON.parse(text)).flatMap { $0.arrayValue == nil ? nil : $0 } }
            if text.isEmpty { return [] }
            var elements: [JSON] = []
            for part in text.split(separator: ",", omittingEmptySubsequences: false) {
                guard let value = parse(String(part), as: element) else { return nil }
                elements.append(value)
            }
            return .array(elements)
        }
    }

    private static func unknown(_ name: String, _ parameters: [Parameter], _ noun: String) -> String {
        let near = nearestNames(to: name, in: parameters.map(\.name))
        if !near.isEmpty { return "is not \(noun); did you mean \(near.map { "'\($0)'" }.joined(separator: " or "))?" }
        let known = parameters.map { "'\($0.name)'" }.joined(separator: ", ")
        return "is not \(noun); it has \(known.isEmpty ? "none" : known)"
    }

    private static func tooManySecretBytes(_ value: JSON?, of all: Int) -> String {
        let own = value?.stringValue?.utf8.count ?? 0
        return "has \(own) of the \(all) bytes of all secrets; they may have \(Limits.secretBytes), since each is looked for in all output"
    }

    /// What is wrong with a value; empty when nothing is. A secret's value is not repeated.
    package static func faults(of value: JSON, for parameter: Parameter) -> [String] {
        var steps = Limits.patternSteps
        return faults(of: value, for: parameter, steps: &steps)
    }

    /// Texts are the same byte by byte: what is sent is what was chosen, however its accents are composed.
    private static func isSame(_ one: JSON, _ other: JSON) -> Bool {
        guard let text = one.stringValue, let found = other.stringValue else { return one == other }
        return text.utf8.elementsEqual(found.utf8)
    }

    private static func allowed(by parameter: Parameter) -> String { parameter.choices.map(\.text).joined(separator: ", ") }

    private static func faults(of value: JSON, for parameter: Parameter, steps: inout Int) -> [String] {
        let shown = parameter.isSecret ? "the value given" : value.canonical
        guard parameter.kind.accepts(value) else {
            let found = parameter.isSecret ? value.typeName : "\(value.typeName): \(value.canonical)"
            return ["must be \(parameter.kind.words), found \(found)\(advice(on: value, for: parameter.kind))"]
        }
        var faults: [String] = []
        if let character = value.forbiddenCharacter { faults.append("has a character that no input may have: \(character)") }
        if !parameter.choices.isEmpty {
            let elements = value.arrayValue ?? [value]
            let isAllowed = elements.allSatisfy { element in parameter.choices.contains { isSame($0, element) } }
            if !isAllowed { faults.append("must be one of \(allowed(by: parameter)), found \(shown)") }
        }
        if let pattern = parameter.pattern, let fault = fault(of: value, against: pattern, for: parameter, shown, &steps) { faults.append(fault) }
        if value == .string(""), parameter.kind == .selector { faults.append("must name hosts, found an empty selector") }
        return faults
    }
}

extension InputValidation {
    private static func fault(
        of value: JSON, against pattern: String, for parameter: Parameter, _ shown: String, _ steps: inout Int
    ) -> String? {
        let texts = (value.arrayValue ?? [value]).compactMap(\.stringValue)
        do throws(PatternError) {
            let compiled = try Pattern(pattern)
            for text in texts {
                guard let isMatch = compiled.matches(text, steps: &steps) else {
                    return "is too long to be compared with the pattern \(pattern): the inputs of one request may take "
                        + "\(Limits.patternSteps) steps (characters times states of the pattern)"
                }
                if !isMatch { return "must match \(pattern), found \(shown)" }
            }
            return nil
        } catch {
            // Loading refuses such a pattern; a plan of an earlier version may have one. Its default stands in the plan, checked then.
            return value == parameter.fallback
                ? nil
                : "cannot be compared with the pattern \(pattern), which is one of an earlier version: \(error); "
                    + "mend the pattern and register the flow again, or leave the input out"
        }
    }

    /// Why a text that somebody meant as a list is none.
    private static func advice(on value: JSON, for kind: Parameter.Kind) -> String {
        guard case .list = kind, case .string(let text) = value, text.hasPrefix("[") else { return "" }
        do throws(JSONError) {
            _ = try JSON.parse(text)
            return ""
        } catch {
            return #"; it begins with '[' and is not JSON (\#(error)): write ["a","b"], or a,b without brackets"#
        }
    }
}

extension Parameter.Kind {
    /// For messages: `a whole number`.
    package var words: String {
        switch self {
        case .string: "a text"
        case .int: "a whole number"
        case .double: "a number"
        case .bool: "true or false"
        case .selector: "a selector of hosts"
        case .list(let element): "a list, each element \(element.words)"
        }
    }

    package func accepts(_ value: JSON) -> Bool {
        switch (self, value) {
        case (.string, .string), (.selector, .string), (.int, .int), (.double, .int), (.double, .double), (.bool, .bool): true
        case (.list(let element), .array(let values)): values.allSatisfy(element.accepts)
        default: false
        }
    }

    /// The value in the form that the type has: whole numbers given for a decimal one become decimal.
    fileprivate func normal(_ value: JSON) -> JSON {
        switch (self, value) {
        case (.double, .int(let number)): .double(Double(number))
        case (.list(let element), .array(let values)): .array(values.map(element.normal))
        default: value
        }
    }
}

extension JSON {
    /// A character that would end a text early somewhere (NUL), or pose as a sealed secret.
    package var forbiddenCharacter: String? {
        switch self {
        case .string(let text):
            if text.utf8.contains(0) { return "NUL" }
            return SealedText.isPresent(in: text) ? "U+E0F1 or U+E0F2, which mark sealed secrets" : nil
        case .array(let elements): return elements.lazy.compactMap(\.forbiddenCharacter).first
        case .object(let members):
            return members.keys.sorted().lazy.compactMap { JSON.string($0).forbiddenCharacter ?? members[$0]?.forbiddenCharacter }.first
        case .null, .bool, .int, .double: return nil
        }
    }
}
