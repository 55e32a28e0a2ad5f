import FlowHTTP
import FlowTestKit
import Foundation
import Testing

@Suite("Retry-After", .timeLimit(.minutes(10)))
struct RetryAfterTests {
    /// Sun, 06 Nov 1994 08:49:37 GMT
    private let moment: Int64 = 784_111_777

    @Test(arguments: [
        "Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994", "Sun Nov 06 08:49:37 1994",
    ])
    func `a date in each of its forms`(text: String) {
        #expect(HTTP.date(text, now: moment) == moment)
        #expect(HTTP.retryAfter(text, now: moment - 90, most: 3_600) == 90)
        #expect(HTTP.retryAfter(text, now: moment - 7_200, most: 3_600) == 3_600)
        #expect(HTTP.retryAfter(text, now: moment + 90, most: 3_600) == 0)
    }

    @Test(arguments: [
        ("0", 0), ("1", 1), ("120", 120), (" 120\t", 120), ("00120", 120), ("3600", 3_600), ("3601", 3_600), ("99999999999999999999999", 3_600),
    ])
    func `seconds`(text: String, seconds: Int) { #expect(HTTP.retryAfter(text, now: moment, most: 3_600) == seconds) }

    @Test(arguments: [
        "", " ", "-1", "+1", "1.5", "1e3", "0x10", "soon", "1 2", "٣", "Sun, 06 Nov 1994 08:49:37", "Sun, 06 Nov 1994 08:49:37 UTC",
        "Sun, 06 Nov 1994 08:49:37 +0000", "Nov, 06 Nov 1994 08:49:37 GMT", "Sun, 06 nov 1994 08:49:37 GMT", "Sun, 31 Nov 1994 08:49:37 GMT",
        "Sun, 00 Nov 1994 08:49:37 GMT", "Sun, 29 Feb 1900 08:49:37 GMT", "Sun, 06 Nov 94 08:49:37 GMT", "Sun, 06 Nov 1994 24:00:00 GMT",
        "Sun, 06 Nov 1994 8:49:37 GMT", "Sun, 06 Nov 1994 08:60:37 GMT", "Sun, 06 Nov 1994 08:49:61 GMT", "Sun, 06 Nov 1994 08:49 GMT",
        "Sun, 06-Nov-94 08:49:37 GMT", "Sunday, 06-Nov-1994 08:49:37 GMT", "Sun, 06 Nov -994 08:49:37 GMT", "Sun Nov 6 08:49:37 1994 GMT",
    ])
    func `what is neither is nothing`(text: String) { #expect(HTTP.retryAfter(text, now: moment, most: 3_600) == nil) }

    @Test func `a year of two digits is the nearest`() {
        // 2026-12-01.
        let now: Int64 = 1_796_083_200
        func year(_ text: String) -> Int? {
            HTTP.date("Sunday, 01-Jan-\(text) 00:00:00 GMT", now: now).map {
                Calendar(identifier: .gregorian).dateComponents(in: .gmt, from: Date(timeIntervalSince1970: Double($0))).year ?? 0
            }
        }
        #expect(["26", "27", "76", "77", "99", "00"].map(year) == [2026, 2027, 2076, 1977, 1999, 2000])
    }

    /// Foundation knows the calendar, too.
    @Test func `every day of four hundred years`() throws {
        let formatter = DateFormatter()
        formatter.locale = Locale(identifier: "en_US_POSIX")
        formatter.timeZone = .gmt
        formatter.dateFormat = "EEE, dd MMM yyyy HH:mm:ss 'GMT'"
        var second: Int64 = -5_000_000_000
        while second < 8_000_000_000 {
            let text = formatter.string(from: Date(timeIntervalSince1970: Double(second)))
            try #require(HTTP.date(text, now: 0) == second, "\(text)")
            second += 86_400 * 3 + 12_345
        }
        #expect(HTTP.date("Sat, 31 Dec 2016 23:59:60 GMT", now: 0) == 1_483_228_800)
        #expect(HTTP.date("Thu, 29 Feb 2024 00:00:00 GMT", now: 0) == 1_709_164_800)
    }

    @Test func `numbers at the edge`() {
        let date = "Fri, 31 Dec 9999 23:59:59 GMT"
        for now in [Int64.min, -1, 0, Int64.max] {
            #expect(HTTP.retryAfter(date, now: now, most: .max) != nil)
            #expect((0...60).contains(HTTP.retryAfter("Sunday, 06-Nov-94 08:49:37 GMT", now: now, most: 60) ?? -1))
        }
        #expect(HTTP.retryAfter("5", now: 0, most: -1) == 0)
    }

    @Test func `a date is measured by the answer's own clock`() {
        var headers: HTTP.Headers = ["Retry-After": "Sun, 06 Nov 1994 08:49:37 GMT", "Date": "Sun, 06 Nov 1994 08:49:07 GMT"]
        #expect(headers.retryAfter(now: moment + 86_400, most: 3_600) == 30)
        headers = ["Retry-After": "Sun, 06 Nov 1994 08:49:37 GMT", "Date": "today"]
        #expect(headers.retryAfter(now: moment - 60, most: 3_600) == 60)
        headers = ["Retry-After": "7", "Date": "Sun, 06 Nov 1994 08:49:07 GMT"]
        #expect(headers.retryAfter(now: 0, most: 3_600) == 7)
        #expect(HTTP.Headers().retryAfter(now: 0, most: 3_600) == nil)
    }
}
