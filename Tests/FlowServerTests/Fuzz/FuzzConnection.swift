import FlowModel
import Foundation
import Glibc

/// A connection to a port of loopback that asks one thing after the other, and is made again when the server has ended it.
final class FuzzConnection {
    private let port: Int
    private var client: RawClient?

    init(port: Int) { self.port = port }

    /// The status of the answer; nil when the server ended the connection without one.
    func ask(_ bytes: [UInt8]) throws -> (status: Int, text: String)? {
        // One that was idle may just have been ended: that is no answer to this request.
        for _ in 0..<2 {
            let client = try client ?? RawClient(port: port)
            let isFresh = self.client == nil
            self.client = client
            client.send(bytes)
            var head = client.read(until: "\r\n\r\n")
            guard let end = head.firstRange(of: "\r\n\r\n") else {
                self.client = nil
                if isFresh { return nil }
                continue
            }
            let fields = head[..<end.lowerBound].lowercased()
            let status = Int(fields.dropFirst(9).prefix(3)) ?? 0
            // What streams has no end that could be waited for.
            guard let length = fields.firstMatch(of: #/\r\ncontent-length: (\d+)/#).flatMap({ Int($0.output.1) }),
                !fields.contains("connection: close")
            else {
                self.client = nil
                return (status, head)
            }
            let isBodiless = bytes.starts(with: Array("HEAD ".utf8)) || status == 204
            while !isBodiless, head[end.upperBound...].utf8.count < length {
                guard let more = client.readMore() else { break }
                head += more
            }
            return (status, head)
        }
        return nil
    }
}
