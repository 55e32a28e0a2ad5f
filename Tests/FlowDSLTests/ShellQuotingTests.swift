import FlowDSL
import Foundation
import Testing

/// In these texts `@` stands for an interpolated value.
@Suite("Quoting in commands", .timeLimit(.minutes(10)))
struct ShellQuotingTests {
    private static func symbols(_ text: String) -> [ShellLexer.Symbol] {
        text.utf8.map { $0 == UInt8(ascii: "@") ? .value : .byte($0) }
    }

    private static let accepted = [
        "echo @", "make VERSION=@ dist", "a=@; echo $a", "cp @ @/x", "x @.tar.gz", "echo \"a\"@\"b\"", "echo 'a'@'b'",
        "echo \"$(basename @)\"", "x=$(cat @ | sort)", "( cd @; ls )", "if [ -f @ ]; then rm @; fi", "echo a#@",
        "echo \"it's\" @", "echo 'a\"b' @", "echo \\\" @", "echo \\' @", "cat <<E\ntext 'x\nE\necho @",
        "cat <<-'E'\n\tx\n\tE\necho @",
        "echo $((1 + 2)) @", "echo ${HOME:-\"x\"} @", "echo `date` @", "# a comment's\necho @", "echo a >&2 @",
        "f() { echo @; }; f",
        "case $x in @) echo @;; esac", "for f in @ @; do echo $f; done", "export A=@", "sh -c 'echo \"$1\"' _ @", "a=(@ @)",
        "ssh @ uptime", "timeout 10 ssh @ uptime", "systemctl restart ssh @", "local -r a=@", "npm run watch @",
        "bash -c 'echo \"$1\"' _ @",
        "bash -ec -- 'x' @",
        "sh -c -o errexit 'x' @", "su - app -c 'x' @", "bash deploy.sh @",
        "echo \"$(echo \"$(echo @)\")\"", "cat <<< @", "echo @ # comment", "x && y || z @", "echo \\\n @",
    ]

    private static let refused = [
        "echo \"@\"", "echo '@'", "echo \"a 'b' @\"", "echo `x @`", "echo \"`x @`\"", "echo $((@ + 1))", "(( @ > 1 ))",
        "echo ${x:-@}", "echo \"${x:-@}\"", "# @", "echo a # @", "cat <<E\n@\nE", "cat <<'E'\n@\nE", "cat <<-E\n\t@\n\tE",
        "cat <<@\nx\n",
        "eval @", "eval echo @", "x; eval \"a\" @", "sudo eval @", "echo \\@", "echo $@", "echo $'a @'", "sh -c @",
        "bash -ec @",
        "/bin/sh -c @", "[[ @ -eq 1 ]]", "a[@]=1", "let @", "trap @ EXIT", "unset @", "declare @", "export @", "read @",
        "printf -v @ x", "ssh host @", "alias x=@", "echo \"$(echo \"@\")\"", "echo \"$(echo '@')\"", "echo ${x:-$(echo @)}",
        "echo \"$(case x in a) echo \"@\";; esac)\"", "x=$(case x in a) echo;; esac) @", "echo $'\\'' @", "echo $[1] @",
        "echo \"a\nb @\"", "cat <<A <<B\nx\nA\n@\nB\n", "if true; then eval @; fi", "echo \"\\\"@\"", "echo '\\'\"@\"",
        "cat <<E\ntext\n E\n@\nE\n",
        "timeout 10 ssh web-1 ls @", "sudo -u deploy ssh web-1 ls @", "nice -n 10 ssh web-1 @", "/usr/bin/ssh web-1 @", "sshpass -e ssh web-1 @",
        "pdsh -w a,b ls @", "watch @", "watch -n 1 ls @",
        "sh -c -- @", "bash -c -e @", "bash -c +e @", "bash -c -o errexit @", "bash -co errexit @", "timeout 5 sh -c @", "su - app -c @", "su -c@",
        "su --command=@", "su --command @", "runuser -u app -c @", "busybox sh -c @",
        "declare -i n=@", "typeset -i n=@", "local -n n=@", "declare -a a=@", "declare -gA a=@", "declare -i n; n=@", "declare -i n\nn=@",
    ]

    @Test(arguments: accepted)
    func `a value may stand where it is one argument`(_ text: String) {
        #expect(ShellLexer.refusals(in: Self.symbols(text)).map(\.reason) == [])
    }

    @Test(arguments: refused)
    func `a value may not stand where quoting would not hold`(_ text: String) {
        #expect(!ShellLexer.refusals(in: Self.symbols(text)).isEmpty)
    }

    /// The accepted texts, given to real shells with a value that would do harm unquoted: the value arrives whole.
    @Test(arguments: ["/bin/sh", "/bin/bash"])
    func `an accepted place passes any value to a shell as one argument`(_ shell: String) throws {
        let values = [
            "a b;'\"$(touch pwned)\\n", "*", "$(echo x)", "`id`", "-n", "a\nb", "\"; exit 7; \"", "${HOME}", "ä€🙂", "  ", "",
        ]
        let places = [
            "put @", "put \"$(ret @)\"", "v=@; put \"$v\"", "if true; then put @; fi", "( put @ )", "put ''@",
            "cat <<E >/dev/null\nx\nE\nput @",
        ]
        for place in places {
            #expect(ShellLexer.refusals(in: Self.symbols(place)).isEmpty)
            let script =
                "put() { printf '%s' \"$1\"; }; ret() { printf '%s.' \"$1\"; }\n"
                + place.replacingOccurrences(of: "@", with: "\"${flow_1}\"")
            for value in values {
                let process = Process()
                let output = Pipe()
                process.executableURL = URL(fileURLWithPath: shell)
                process.arguments = ["-euc", script]
                process.environment = ["flow_1": value]
                process.standardOutput = output
                try process.run()
                let bytes = try output.fileHandleForReading.readToEnd() ?? Data()
                process.waitUntilExit()
                #expect(process.terminationStatus == 0)
                let expected = place.contains("ret") ? value + "." : value
                #expect(String(decoding: bytes, as: UTF8.self) == expected, "\(shell): \(place)")
            }
        }
    }
}
