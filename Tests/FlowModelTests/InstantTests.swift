import FlowModel
import FlowTestKit
import Glibc
import Testing

@Suite("Moments", .timeLimit(.minutes(10)))
struct InstantTests {
    @Test(arguments: [
        ("1970-01-01T00:00:00Z", 0), ("2026-02-01T13:40:00.000Z", 1_769_953_200_000), ("2026-02-01T13:40:00.5Z", 1_769_953_200_500),
        ("2026-02-01T13:40:00.1239Z", 1_769_953_200_123), ("0000-01-01T00:00:00Z", -62_167_219_200_000),
        ("9999-12-31T23:59:59.999Z", 253_402_300_799_999), ("2028-02-29T00:00:00Z", 1_835_395_200_000),
    ])
    func `RFC 3339 in UTC is read`(_ text: String, _ milliseconds: Int64) {
        #expect(Instant(text)?.milliseconds == milliseconds)
    }

    @Test(arguments: [
        "2027-01-01T10:00:00:5Z", "9223372036854775807-01-01T00:00:00Z", "2026-11-31T00:00:00Z", "2027-02-30T00:00:00Z", "2027-02-29T00:00:00Z",
        "2026-00-01T00:00:00Z", "2026-13-01T00:00:00Z", "2026-01-00T00:00:00Z", "2026-01-01T24:00:00Z", "2026-01-01T00:60:00Z",
        "2016-12-31T23:59:60Z", "2026-01-01T00:00:00", "2026-01-01T00:00:00+01:00", "2026-01-01t00:00:00z", "2026-01-01 00:00:00Z",
        "2026-1-1T0:0:0Z", "02026-01-01T00:00:00Z", "-026-01-01T00:00:00Z", "+026-01-01T00:00:00Z", "2026-01-01T00:00:00.Z",
        "2026-01-01T00:00:00.5.5Z", "2026:01:01T00-00-00Z", "2026-01-01T00:00:00ZZ", " 2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z\n",
        "２０２６-01-01T00:00:00Z", "2026-01-01", "", "Z",
    ])
    func `what no calendar or clock has, and what is written otherwise, is no moment`(_ text: String) {
        #expect(Instant(text) == nil)
    }

    /// The C library carries 31 November over to 1 December; a date that exists comes back as it was.
    @Test(arguments: [0, 4, 100, 400, 1900, 1970, 1999, 2000, 2026, 2028, 2100, 9999])
    func `a date is taken exactly if the C library's calendar has it`(_ year: Int) {
        for month in 0...13 {
            for day in 0...32 {
                var time = tm()
                (time.tm_year, time.tm_mon, time.tm_mday) = (CInt(year - 1900), CInt(month - 1), CInt(day))
                var moment = timegm(&time)
                var back = tm()
                gmtime_r(&moment, &back)
                let exists = back.tm_year == year - 1900 && back.tm_mon == month - 1 && back.tm_mday == day
                func pad(_ value: Int, _ width: Int) -> String { String("0000\(value)".suffix(width)) }
                let read = Instant("\(pad(year, 4))-\(pad(month, 2))-\(pad(day, 2))T00:00:00Z")
                #expect(read?.milliseconds == (exists ? Int64(moment) * 1000 : nil), "\(year) \(month) \(day)")
            }
        }
    }

    @Test func `no sum overflows, each lies within the years that can be written, and later seconds never lead to an earlier moment`() {
        var fuzz = TextFuzz(seed: 1)
        for _ in 0..<TextFuzz.cases {
            let start = Instant(milliseconds: Int64(fuzz.random.chance(0.3) ? fuzz.integer() : fuzz.random.int(0...4_000_000_000_000)))
            let (one, other) = (fuzz.seconds(), fuzz.seconds())
            let sums = [start + one, start + other]
            if one < other { #expect(sums[0] <= sums[1], "\(start) \(one) \(other)") }
            for sum in sums where !one.isNaN && !other.isNaN { #expect(sum >= .earliest && sum <= .latest) }
            #expect(sums[0].seconds(since: start).isFinite)
            #expect(Instant(start.description) == min(max(start, .earliest), .latest))
        }
        #expect(Instant(milliseconds: 5) + 1e17 == .latest)
        #expect(Instant(milliseconds: 5) + -.infinity == .earliest)
        #expect(Instant(milliseconds: .max) + 1 == .latest)
        #expect(Instant(milliseconds: .min) + -1 == .earliest)
        #expect(Instant(milliseconds: .min).description == "0000-01-01T00:00:00.000Z")
        #expect(Instant(milliseconds: 1_000) + 0.25 == Instant(milliseconds: 1_250))
    }

    @Test func `what is read is what was written, whatever becomes of the text`() {
        var fuzz = TextFuzz(seed: 2)
        let good = ["2026-02-01T13:40:00.000Z", "2028-02-29T23:59:59Z", "0000-12-31T00:00:00.5Z", "9999-12-31T23:59:59.999Z"]
        var taken = 0
        for _ in 0..<TextFuzz.cases {
            let text = fuzz.text(from: good)
            guard let moment = Instant(text) else { continue }
            taken += 1
            #expect(moment.description.prefix(19) == text.prefix(19))
            #expect(Instant(moment.description) == moment)
        }
        #expect(taken > 100)
    }
}
