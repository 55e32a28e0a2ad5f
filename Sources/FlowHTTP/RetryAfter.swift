extension HTTP.Headers {
    /// Seconds that `Retry-After` asks to wait, from 0 to `most`; nil: it asks nothing, or nothing that can be read. A date is measured by the
    /// `Date` of the same answer where it has one: that its clock and ours differ does not matter then.
    /// - Parameters:
    ///   - now: when the answer came, in seconds since 1970.
    ///   - most: the longest wait; who asks for more gets this.
    package func retryAfter(now: Int64, most: Int) -> Int? {
        guard let text = self["retry-after"] else { return nil }
        let sent = self["date"].flatMap { HTTP.date($0, now: now) }
        return HTTP.retryAfter(text, now: sent ?? now, most: most)
    }
}

extension HTTP {
    /// Seconds from `now` (seconds since 1970) that the value of a `Retry-After` means, from 0 to `most`: RFC 9110, 10.2.3. Nil: it is neither a
    /// number of seconds nor a date.
    package static func retryAfter(_ text: String, now: Int64, most: Int) -> Int? {
        let most = max(0, most)
        let text = text.trimmingSpaces
        if !text.isEmpty, text.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) {
            // So many digits are more than any limit.
            return min(Int(text) ?? .max, most)
        }
        guard let date = date(text, now: now) else { return nil }
        let (wait, isHuge) = date.subtractingReportingOverflow(now)
        return isHuge ? (date > now ? most : 0) : Int(min(max(wait, 0), Int64(most)))
    }
}

extension String {
    fileprivate var trimmingSpaces: String {
        var text = self[...]
        while text.first == " " || text.first == "\t" { text.removeFirst() }
        while text.last == " " || text.last == "\t" { text.removeLast() }
        return String(text)
    }
}
