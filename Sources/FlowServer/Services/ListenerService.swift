import FlowAPI
import FlowModel
import Glibc
import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import NIOPosix
import ServiceLifecycle

/// Serves the API on one address.
struct ListenerService: Service {
    enum Address: Sendable {
        case socket(path: String)
        case network(ListenAddress, Certificate?, HostRule, isBehindProxy: Bool)
    }

    let address: Address
    let api: API
    let activity: Activity
    let logger: Logger
    /// Called when connections are accepted, with the port for a network address.
    let onReady: @Sendable (Int?) async -> Void

    func run() async throws {
        let listener: Listener
        let bind: BindAddress
        switch address {
        case .socket(let path): (listener, bind) = (.socket, .unixDomainSocket(path: path))
        case .network(let address, _, _, _): (listener, bind) = (.network, .hostname(address.host, port: address.port))
        }
        // Hummingbird says more about itself than an operator wants to know.
        var quiet = logger
        quiet.logLevel = max(logger.logLevel, .warning)
        let application = Application(
            responder: Counted(edge: Edge(api: api, listener: listener), activity: activity), server: server,
            configuration: ApplicationConfiguration(address: bind, serverName: nil, backlog: 1_024),
            onServerRunning: { await ready($0) }, logger: quiet)
        do {
            try await application.run()
        } catch let error as IOError {
            throw FlowError(
                .usage, subject: place, "The server did not start: \(place) cannot be served: \(error.description).",
                hint: "flowd.yaml: listen: ADDRESS:PORT")
        }
        if case .socket(let path) = address { unlink(path) }
    }

    private var place: String {
        switch address {
        case .socket(let path): path
        case .network(let address, _, _, _): Host.place(address.host, address.port)
        }
    }

    private var server: HTTPServerBuilder {
        let configuration = HTTP1Channel.Configuration(
            idleTimeout: .seconds(Int64(APILimits.idleSeconds)),
            httpDecoderConfiguration: .init(
                maxHeaderFieldSize: APILimits.headerFieldBytes, maxHeaderListSize: APILimits.headerBytes,
                maxHeaderFieldCount: APILimits.headerFields))
        let isNetwork: Bool
        let isBehindProxy: Bool
        let certificate: Certificate?
        let hosts: HostRule
        switch address {
        case .socket: (isNetwork, isBehindProxy, certificate, hosts) = (false, false, nil, .any)
        case .network(_, let tls, let rule, let isBehind): (isNetwork, isBehindProxy, certificate, hosts) = (true, isBehind, tls, rule)
        }
        let connections = Connections(
            Connections.bounds(isNetwork: isNetwork, isBehindProxy: isBehindProxy), isNetwork: isNetwork, meters: api.meters)
        return HTTPServerBuilder { responder in
            EdgeChannel(
                http: HTTP1Channel(responder: responder, configuration: configuration), certificate: certificate, connections: connections,
                hosts: hosts, isNetwork: isNetwork)
        }
    }

    private func ready(_ channel: any Channel) async {
        switch address {
        case .socket(let path):
            // The directory is its owner's alone unless an admin opened it to a group on purpose.
            chmod(path, 0o660)
            logger.info("serving", metadata: ["socket": "\(path)"])
            await onReady(nil)
        case .network(let address, let tls, _, _):
            let port = channel.localAddress?.port
            let place = Host.place(address.host, port ?? address.port)
            logger.info("serving", metadata: ["address": "\(place)", "tls": "\(tls != nil)"])
            await onReady(port)
        }
    }
}

/// Tells the idle watch that somebody asked for something.
private struct Counted: HTTPResponder {
    let edge: Edge
    let activity: Activity

    func respond(to request: Request, context: EdgeContext) async throws -> Response {
        activity.begin()
        defer { activity.end() }
        return try await edge.respond(to: request, context: context)
    }
}
