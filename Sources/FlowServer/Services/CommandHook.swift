import FlowModel
import Workers

/// Runs a program for each message, with the message on its standard input. Nothing of a message is in its arguments.
struct CommandHook: NotificationHook {
    /// Bytes of what it writes to standard error that a log line shows.
    private static let shownBytes = 200

    let command: [String]
    let timeoutSeconds: Double

    func deliver(_ message: JSON) async throws {
        // timeout(1) ends the program itself; closing our side would only stop listening to it. What the program started ends with it when
        // its time is over or it fails, and when this engine ends: mailers that go on in the background after status 0 are let.
        let words = ["exec", "timeout", "-k", "5", String(timeoutSeconds)] + command.map(CommandHook.quoted)
        let channel = try await LocalTransport(extent: .wholeWithUs).open(words.joined(separator: " "))
        do {
            try await channel.write(message.canonicalBytes)
            try await channel.finishInput()
        } catch {
            // A program that does not read its input may still do its work: its exit status decides.
        }
        do {
            try await CommandHook.succeed(channel, command)
            channel.close()
        } catch {
            channel.close()
            throw error
        }
    }

    private static func succeed(_ channel: any TransportChannel, _ command: [String]) async throws {
        var complaint: [UInt8] = []
        var end: (status: Int?, signal: Int?)?
        while let event = try await channel.next() {
            switch event {
            case .stderr(let bytes): complaint += bytes.prefix(shownBytes - complaint.count)
            case .stdout: break
            case .exited(let status, let signal): end = (status, signal)
            }
        }
        guard let end, end.status == 0 else {
            let how =
                end?.status.map { $0 == 124 ? "was ended after its time" : "ended with status \($0)" } ?? "did not end well"
            let said = complaint.isEmpty ? "" : ": \(String(decoding: complaint, as: UTF8.self))"
            throw FlowError(.unreachable, subject: command.first ?? "hook", "The hook \(how)\(said)")
        }
    }

    /// The word for `/bin/sh`, whatever is in it. By scalars: a quote and the accent behind it are one character, and a shell sees the quote.
    private static func quoted(_ word: String) -> String {
        "'" + word.unicodeScalars.map { $0 == "'" ? "'\\''" : String($0) }.joined() + "'"
    }
}
