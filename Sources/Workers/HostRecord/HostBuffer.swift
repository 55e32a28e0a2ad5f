/// Takes lines and exact numbers of bytes from a channel.
actor HostBuffer {
    private let channel: any TransportChannel
    private let patience: HostPatience
    private var pending: [UInt8] = []
    private var start = 0
    private var complaint: [UInt8] = []
    /// How the other side ended, if it has: `status 1`, `signal 9`.
    private var end: String?

    init(_ channel: any TransportChannel, _ patience: HostPatience) { (self.channel, self.patience) = (channel, patience) }

    /// The words of the hello, after whatever login files have written before it.
    func hello() async throws -> [String] {
        var noise = 0
        var first: String?
        do {
            while noise < HostRecordLimits.noiseBytes {
                let line = try await line()
                let words = line.split(separator: " ").map(String.init)
                if words.count >= 4, words[0] == "flow-runner", words[1] == "1" { return words }
                if !line.isEmpty { first = first ?? line }
                noise += line.utf8.count + 1
            }
        } catch let error as TransportError {
            if let end { throw HostFault.shell(end: end, said: String((rest ?? first ?? lastComplaint).prefix(120))) }
            guard let first else { throw error }
            throw HostFault.garbled("it says '\(first.prefix(80))' instead of hello")
        }
        throw HostFault.garbled("it says '\(first?.prefix(80) ?? "")' and more instead of hello")
    }

    /// What came without an end of line.
    private var rest: String? {
        let text = String(decoding: pending[start...], as: UTF8.self).trimmingPrefix { $0.isWhitespace }
        return text.isEmpty ? nil : String(text)
    }

    private var lastComplaint: String { String(String(decoding: complaint, as: UTF8.self).split(whereSeparator: \.isNewline).last ?? "") }

    /// The next line. Throws what the host says instead of an answer.
    func line() async throws -> String {
        var scanned = start
        while true {
            if let end = pending[scanned...].firstIndex(of: 0x0A) {
                let line = String(decoding: pending[start..<end], as: UTF8.self)
                drop(to: end + 1)
                if line.hasPrefix("error ") {
                    let words = line.split(separator: " ", maxSplits: 2).map(String.init)
                    throw HostFault.said(words.count > 1 ? words[1] : "", words.count > 2 ? words[2] : "")
                }
                return line
            }
            guard pending.count - start <= HostRecordLimits.lineBytes else { throw HostFault.garbled("a line does not end") }
            let offset = pending.count - start
            try await more()
            scanned = start + offset
        }
    }

    func bytes(_ count: Int) async throws -> [UInt8] {
        while pending.count - start < count { try await more() }
        defer { drop(to: start + count) }
        return Array(pending[start..<start + count])
    }

    private func drop(to position: Int) {
        start = position
        if start == pending.count {
            pending.removeAll(keepingCapacity: true)
            start = 0
        }
    }

    private func more() async throws {
        if start > 0 {
            pending.removeFirst(start)
            start = 0
        }
        while let event = try await patience.wait("the host said nothing", { [channel] in try await channel.next() }) {
            switch event {
            case .stdout(let bytes):
                pending += bytes
                return
            case .stderr(let bytes): complaint = Array((complaint + bytes).suffix(400))
            case .exited(let status, let signal):
                end = status.map { "status \($0)" } ?? signal.map { "signal \($0)" } ?? "no status"
                let text = lastComplaint
                throw TransportError(
                    .stream, "the connection to the runner ended" + (text.isEmpty ? "" : ": \(text)"), mayHaveRun: true)
            }
        }
        throw TransportError(.stream, "the connection to the runner ended", mayHaveRun: true)
    }
}
