import FlowModel
import Logging
import ServiceLifecycle
import UnixSignals

/// Reads the certificate again at SIGHUP, for the connections that come; nothing that is open is cut.
struct ReloadService: Service {
    let certificate: Certificate?
    let logger: Logger

    func run() async throws {
        let signals = await UnixSignalsSequence(trapping: .sighup)
        await cancelWhenGracefulShutdown {
            for await _ in signals { reload() }
        }
    }

    func reload() {
        guard let certificate else { return logger.notice("SIGHUP: there is no certificate to read again; settings are read at start") }
        do throws(FlowError) {
            try certificate.reload()
            logger.notice("certificate read again", metadata: ["file": "\(certificate.file)", "until": "\(certificate.notAfter)"])
        } catch {
            logger.error("\(error.message) The one from before is served on.", metadata: ["file": "\(certificate.file)"])
        }
    }
}
