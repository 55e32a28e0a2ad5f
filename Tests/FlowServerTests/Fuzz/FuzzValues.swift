import FlowModel
import FlowTestKit

/// What people and programs send that nobody thought of.
enum FuzzValues {
    static let texts: [String] =
        [
            "", " ", "\t", "\r\n", "a\r\nb: c", "\u{0}", "a\u{0}b", "\u{7F}", "\u{FEFF}x", "\u{202E}abc", "\u{E0F1}AAAA\u{E0F2}", "\u{E0F1}", "é",
            "e\u{301}",
            "💥", String(repeating: "💥", count: 300), "..", "../../etc/passwd", "/", "//", "\\", "%", "%00", "%2F", "%ZZ", "+", "&", "=", "?", "#",
            "*", "**",
            "[", "]", "{", "}", "(", ")", "(((((", "'", "\"", "`", "$(", "${x}", "--", "-", "~", "!", "|", ";", ",", ",,,", ":", "::", "@", "a@b",
            "<x>",
            "null", "true", "false", "NaN", "nan", "Infinity", "-inf", "inf", "0", "-0", "-1", "1", "1e400", "-1e400", "1e-400", "0x10", "1_000", "٣",
            "9223372036854775807", "9223372036854775808", "-9223372036854775808", "-9223372036854775809", "18446744073709551616",
            "1.7976931348623157e308",
            "00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff", String(repeating: "0", count: 64),
            String(repeating: "f", count: 64), String(repeating: "F", count: 64), String(repeating: "a", count: 300),
            String(repeating: "[", count: 500),
            String(repeating: "a|", count: 2_000), String(repeating: "/x", count: 2_000), "a=b", "=b", "a=", "a=b=c", "state=running & state=failed",
            "role", "os:root", "os:uid0", "admin", "viewer", "web-1", "!web-1", "web-1 & !web-1", "*:*", "label.x=y", "5%", "-5%", "1e9%", "101%",
            "%5", "1 *2",
            "10% *2", "*", "1 *99999999999999999999", "0 * * * *", "* * * * * *", "0 0 31 2 *", "*/0 * * * *", "99 * * * *", "@daily", "@never",
            "Europe/Berlin", "../UTC", "30/min", "0/s", "1/0s", "99999999999999999999/h", "5/10s", "07:30 Mon-Fri", "25:61 Mon", "2026-03-29 14:30",
        ] + times

    /// Places, counts and moments at the ends of what they can be, and just beyond.
    static let extremes: [String] = [
        "-9223372036854775808", "-9223372036854775807", "-16777300", "-16777217", "-1", "0", "1", "16777215", "16777216", "4294967296",
        "9223372036854775806", "9223372036854775807", "9223372036854775808", "1e18", "-9999-01-01T00:00:00Z", "0001-01-01T00:00:00Z",
        "1970-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "9999-12-31T23:59:59.999Z", "00000000-0000-7000-8000-000000000000",
        "ffffffff-ffff-7fff-bfff-ffffffffffff",
    ]

    private static let times: [String] = [
        "2027-01-01T10:00:00:5Z", "2027-01-01T10:00:00Z", "2027-01-01T10:00:00.999999999999999999999Z", "9223372036854775807-01-01T00:00:00Z",
        "-9999-01-01T00:00:00Z", "0000-00-00T00:00:00Z", "2026-11-31T00:00:00Z", "2027-02-30T00:00:00Z", "2027-13-01T00:00:00Z",
        "9999-12-31T23:59:60Z",
        "99999999-12-31T23:59:59Z", "2027-01-01T25:61:61Z", "2027-01-01", "2027-01-01T00:00:00+99:99", "T", "Z", "-", "1970-01-01T00:00:00.000Z",
    ]

    /// As JSON texts: some of them no program's library would write.
    static let numbers: [String] =
        ["0", "-0", "1", "-1", "2", "0.5", "-0.5", "100", "1e-320", "65536", "2147483648", "4294967296"]
        + [
            "9007199254740993", "9223372036854775807", "-9223372036854775808", "9223372036854775808", "18446744073709551616", "1e17", "1e18",
            "1e19", "1e300", "-1e300", "1.7976931348623157e308",
        ]

    static let broken: [String] = [
        "", "{", "}", "[", "nul", "\"", "{\"a\":1,\"a\":2}", "[1,]", "{\"a\"}", "01", "1.", ".5", "+1", "1e", "NaN", "Infinity", "-Infinity",
        "\"\\x\"", "\"\\u12\"",
        "\"\\ud800\"", "\"\\u0000\"", "'a'", "{} {}", "\u{FEFF}{}", "// x\n{}", String(repeating: "[", count: 100_000),
        String(repeating: "{\"a\":", count: 1_000) + "1" + String(repeating: "}", count: 1_000), "9" + String(repeating: "9", count: 5_000),
    ]

    static let rawBytes: [[UInt8]] = [
        [0xFF], [0xC0, 0x80], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80], [0x22, 0xFF, 0x22], [0x7B, 0x22, 0xC3, 0x22, 0x3A, 0x31, 0x7D], [0x00],
        Array("\"".utf8) + [UInt8](repeating: 0x61, count: 1_000_000) + Array("\"".utf8), [UInt8](repeating: 0x20, count: 1_100_000),
    ]

    static func json(_ random: inout SeededRandom) -> String {
        switch random.int(0...9) {
        case 0...3: JSON.string(random.pick(texts)).canonical
        case 4...6: random.pick(numbers)
        case 7: random.pick(["null", "true", "false", "[]", "{}", "[[]]", "[null]", "{\"\":null}"])
        case 8: "[" + (0..<random.int(1...5)).map { _ in JSON.string(random.pick(texts)).canonical }.joined(separator: ",") + "]"
        default: "{" + JSON.string(random.pick(texts)).canonical + ":" + random.pick(numbers) + "}"
        }
    }
}
