import HummingbirdCore
import Logging
import NIOCore
import NIOHTTP1
import NIOSSL

/// How a connection of a listener is set up: TLS with the certificate that is good now, HTTP, and the bounds of connections.
struct EdgeChannel: ServerChildChannel {
    typealias Value = HTTP1Channel.Value

    let http: HTTP1Channel
    let certificate: Certificate?
    let connections: Connections
    let hosts: HostRule
    let isNetwork: Bool

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Value> {
        channel.eventLoop.makeCompletedFuture {
            guard let certificate else { return }
            try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: certificate.context))
        }.flatMap {
            http.setup(channel: channel, logger: logger)
        }.flatMapThrowing { value in
            let pipeline = channel.pipeline.syncOperations
            let decoder = try pipeline.handler(type: ByteToMessageHandler<HTTPRequestDecoder>.self)
            try pipeline.addHandler(
                ConnectionHandler(connections: connections, hosts: hosts, isNetwork: isNetwork), position: .after(decoder))
            return value
        }
    }

    func handle(value: Value, logger: Logger) async { await http.handle(value: value, logger: logger) }
}
