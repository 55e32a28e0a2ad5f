package import FlowModel

/// Writes the program that an interpreter is given: it sets values and arguments as literals, then runs the script beside it.
///
/// Nothing in a value can be anything but a value: shells get single quotes, in which only the quote itself means something; Python
/// gets text of plain ASCII.
package enum Prelude {
    /// The program. Throws the failure for what cannot be said: NUL in a value, an odd name.
    package static func bytes(for work: ShellWork) throws(AttemptResult.Failure) -> [UInt8] {
        try check(work)
        switch work.interpreter {
        case .sh, .bash: return Array(shell(work).utf8)
        case .python: return Array(python(work).utf8)
        }
    }

    /// What runs it.
    package static func program(_ interpreter: ShellSpec.Interpreter) -> String {
        switch interpreter {
        case .sh: "/bin/sh"
        case .bash: "bash"
        case .python: "python3"
        }
    }

    private static func shell(_ work: ShellWork) -> String {
        var lines = work.environment.sorted { $0.key < $1.key }.map { "export \($0.key)=\(quoted($0.value))" }
        lines += work.variables.map { "\($0.name)=\(quoted($0.value))" }
        lines.append((["set -eu --"] + work.arguments.map(quoted)).joined(separator: " "))
        // `$0` is this program, beside which the script lies.
        lines.append(#". "${0%/*}/script""#)
        return lines.joined(separator: "\n") + "\n"
    }

    /// One literal word of any shell.
    package static func quoted(_ text: String) -> String {
        var out = "'"
        for scalar in text.unicodeScalars {
            if scalar == "'" { out += #"'\''"# } else { out.unicodeScalars.append(scalar) }
        }
        return out + "'"
    }

    private static func python(_ work: ShellWork) -> String {
        let environment = work.environment.sorted { $0.key < $1.key }.map { "\(literal($0.key)): \(literal($0.value))" }
        let variables = work.variables.map { "\(literal($0.name)): \(literal($0.value))" }
        // Lines are seen as they are written, as from other scripts.
        return """
            import os, runpy, sys
            sys.stdout.reconfigure(line_buffering=True)
            os.environ.update({\(environment.joined(separator: ", "))})
            sys.argv[1:] = [\(work.arguments.map(literal).joined(separator: ", "))]
            runpy.run_path(os.path.join(os.path.dirname(os.path.abspath(__file__)), "script"), \
            init_globals={\(variables.joined(separator: ", "))}, run_name="__main__")

            """
    }

    /// A text as Python writes it, in ASCII.
    static func literal(_ text: String) -> String {
        var out = "'"
        for scalar in text.unicodeScalars {
            if (0x20..<0x7F).contains(scalar.value), scalar != "'", scalar != "\\" {
                out.unicodeScalars.append(scalar)
            } else {
                let hex = String(scalar.value, radix: 16)
                let (mark, width) = scalar.value > 0xFFFF ? ("\\U", 8) : ("\\u", 4)
                out += mark + String(repeating: "0", count: width - hex.count) + hex
            }
        }
        return out + "'"
    }

    private static func check(_ work: ShellWork) throws(AttemptResult.Failure) {
        for variable in work.variables {
            try checkName(variable.name, "variable")
            try checkValue(variable.value, "the value of \(variable.name)")
        }
        for (name, value) in work.environment {
            try checkName(name, "environment variable")
            try checkValue(value, "environment variable \(name)")
        }
        for (index, value) in work.arguments.enumerated() { try checkValue(value, "argument \(index + 1)") }
        if let workdir = work.workdir { try checkValue(workdir, "the working directory") }
    }

    private static func checkName(_ name: String, _ what: String) throws(AttemptResult.Failure) {
        let isLetter = { (byte: UInt8) in (0x41...0x5A).contains(byte & 0xDF) || byte == UInt8(ascii: "_") }
        let isName =
            name.utf8.first.map(isLetter) == true
            && name.utf8.allSatisfy { isLetter($0) || (0x30...0x39).contains($0) }
        guard isName else {
            throw AttemptResult.Failure(.input, "nothing was started: '\(name)' cannot name \(article(what)); letters, digits and _ can")
        }
    }

    private static func article(_ what: String) -> String { (what.hasPrefix("e") ? "an " : "a ") + what }

    private static func checkValue(_ value: String, _ what: String) throws(AttemptResult.Failure) {
        guard !value.utf8.contains(0) else {
            throw AttemptResult.Failure(.input, "nothing was started: \(what) contains a NUL character, which no script can be given")
        }
    }
}
