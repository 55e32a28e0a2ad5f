import FlowLoading
package import FlowModel
package import FlowWire
import NIOSSL
import Synchronization

/// The certificate and key of a listener: read and held against each other before anything is served, and again when they were renewed.
package final class Certificate: Sendable {
    /// Days before its end from which `doctor` warns.
    private static let warnedDays = 21.0

    /// Bytes of a file of certificates, or of a key.
    private static let fileBytes = 1 << 20

    private struct Loaded {
        var context: NIOSSLContext
        var notAfter: Instant
    }

    let file: String
    private let key: String
    private let loaded: Mutex<Loaded>

    /// Absolute paths of PEM files.
    package init(_ file: String, key: String) throws(FlowError) {
        self.file = file
        self.key = key
        loaded = Mutex(try Certificate.load(file, key, "The server did not start"))
    }

    /// For new connections; those that are open keep theirs.
    var context: NIOSSLContext { loaded.withLock { $0.context } }
    /// The first end among the certificates of the file.
    package var notAfter: Instant { loaded.withLock { $0.notAfter } }

    /// Reads both again. When it throws, what was served is served on.
    func reload() throws(FlowError) {
        let again = try Certificate.load(file, key, "The certificate was not renewed")
        loaded.withLock { $0 = again }
    }

    private static func load(_ file: String, _ key: String, _ what: String) throws(FlowError) -> Loaded {
        func refuse(_ path: String, _ why: String) -> FlowError {
            FlowError(.usage, subject: "tls", "\(what): \(path) \(why).", hint: "flowd.yaml: tls: {certificate: FILE.pem, key: FILE.pem}")
        }
        func bytes(_ path: String) throws(FlowError) -> [UInt8] {
            do throws(RegularFile.Fault) {
                return try RegularFile.bytes(of: path, limit: fileBytes)
            } catch {
                throw refuse(path, "cannot be read: \(error.reason)")
            }
        }
        let pem = (certificates: try bytes(file), key: try bytes(key))
        let chain: [NIOSSLCertificate]
        do {
            chain = try NIOSSLCertificate.fromPEMBytes(pem.certificates)
        } catch {
            throw refuse(file, "cannot be read as certificates in PEM")
        }
        guard let first = chain.map(\.notValidAfter).min() else { throw refuse(file, "has no certificate in it") }
        let secret: NIOSSLPrivateKey
        do {
            secret = try NIOSSLPrivateKey(bytes: pem.key, format: .pem)
        } catch {
            throw refuse(key, "cannot be read as a private key in PEM")
        }
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(secret))
        configuration.minimumTLSVersion = .tlsv12
        configuration.applicationProtocols = ["http/1.1"]
        do {
            let context = try NIOSSLContext(configuration: configuration)
            return Loaded(context: context, notAfter: Instant(milliseconds: Int64(first) * 1_000))
        } catch {
            throw refuse(key, "is not the key of the certificate in \(file)")
        }
    }

    /// What `doctor` says.
    package func finding(now: Instant) -> Wire.Finding {
        let end = notAfter
        let hint = "renew \(file), then: systemctl reload flowd (or SIGHUP to the engine)"
        if end <= now { return Wire.Finding(name: "certificate", level: .fail, message: "\(file) is good no more since \(end)", hint: hint) }
        let isSoon = end.seconds(since: now) < Certificate.warnedDays * 86_400
        return Wire.Finding(
            name: "certificate", level: isSoon ? .warn : .ok, message: "\(file) is good until \(end)", hint: isSoon ? hint : nil)
    }
}
