import FlowAPI
import FlowModel
package import NIOCore
package import NIOHTTP1

/// Stands between the bytes of one connection and its requests: lets in what is HTTP and meant for this server, answers the rest itself, and
/// ends the connection where nothing more may come on it.
///
/// Answers go out in the order of their requests: a refusal waits for those before it.
package final class ConnectionHandler: ChannelDuplexHandler, RemovableChannelHandler {
    package typealias InboundIn = HTTPServerRequestPart
    package typealias InboundOut = HTTPServerRequestPart
    package typealias OutboundIn = HTTPServerResponsePart
    package typealias OutboundOut = HTTPServerResponsePart

    /// A request that is not answered yet.
    private struct Asked {
        var isHTTP10: Bool
    }

    private let connections: Connections
    private let hosts: HostRule
    private let isNetwork: Bool
    private var asked = CircularBuffer<Asked>()
    /// Whether nothing was asked so far.
    private var isFresh = true
    private var isReadingBody = false
    /// No more requests are taken; what is under way is answered.
    private var isLast = false
    private var refusal: PlainProblem?
    private var isOver = false
    private var deadline: Scheduled<Void>?

    package init(connections: Connections, hosts: HostRule, isNetwork: Bool) {
        self.connections = connections
        self.hosts = hosts
        self.isNetwork = isNetwork
    }

    // MARK: - The connection

    package func handlerAdded(context: ChannelHandlerContext) { if context.channel.isActive { begin(context) } }

    package func channelActive(context: ChannelHandlerContext) {
        begin(context)
        context.fireChannelActive()
    }

    private func begin(_ context: ChannelHandlerContext) {
        guard connections.take(context.channel, from: context.remoteAddress?.ipAddress ?? "socket") else {
            isOver = true
            return context.close(promise: nil)
        }
        awaitHead(context)
    }

    package func channelInactive(context: ChannelHandlerContext) {
        deadline?.cancel()
        connections.remove(context.channel)
        context.fireChannelInactive()
    }

    /// Gives a stranger little time to ask. Those who are known may be idle for longer, which is watched elsewhere.
    private func awaitHead(_ context: ChannelHandlerContext) {
        deadline?.cancel()
        deadline = nil
        guard asked.isEmpty, isFresh || connections.isStranger(context.channel) else { return }
        let channel = context.channel
        deadline = context.eventLoop.scheduleTask(in: .seconds(APILimits.headerSeconds)) { channel.close(promise: nil) }
    }

    // MARK: - Requests

    package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let part = unwrapInboundIn(data)
        switch part {
        case .head(let head):
            guard !isLast, !isOver else { return }
            isFresh = false
            if let refused = refused(head) { return refuse(refused, context) }
            deadline?.cancel()
            isReadingBody = true
            asked.append(Asked(isHTTP10: head.version != .http1_1))
            connections.requestBegan(context.channel)
            context.fireChannelRead(data)
            // Further parts of this request are taken, further requests are not.
            if head.version != .http1_1 || !head.isKeepAlive { isLast = true }
        case .body:
            if isReadingBody { context.fireChannelRead(data) }
        case .end:
            guard isReadingBody else { return }
            isReadingBody = false
            connections.requestArrived(context.channel)
            context.fireChannelRead(data)
        }
    }

    /// Why a request is not taken.
    private func refused(_ head: HTTPRequestHead) -> PlainProblem? {
        func usage(_ subject: String, _ message: String) -> PlainProblem {
            PlainProblem(FlowError(.usage, subject: subject, "Nothing was done: \(message)"))
        }
        let fields = head.headers["host"]
        if fields.count > 1 { return usage("Host", "the request has \(fields.count) fields 'Host', it must have one.") }
        if isNetwork {
            guard let field = fields.first else {
                return head.version != .http1_1 ? nil : usage("Host", "the request has no field 'Host'.")
            }
            guard HostRule.host(of: field) != nil else { return usage("Host", "'\(field.prefix(200))' is not a host.") }
            guard hosts.admits(field) else {
                return PlainProblem(
                    FlowError(
                        .forbidden, subject: "Host", "Nothing was done: this server does not serve the name '\(field.prefix(200))'.",
                        hint: "flowd.yaml: hosts: [NAME] names those that it serves; or use the server's address"))
            }
        }
        let codings = head.headers["transfer-encoding"]
        guard codings.isEmpty || codings.count == 1 && codings[0].lowercased() == "chunked" else {
            return usage("Transfer-Encoding", "'\(codings.joined(separator: ", ").prefix(200))' is not taken, 'chunked' is.")
        }
        guard codings.isEmpty || head.version == .http1_1 && !head.headers.contains(name: "content-length") else {
            return usage("Transfer-Encoding", "it does not go with HTTP/1.0, nor with 'Content-Length'.")
        }
        guard head.uri.hasPrefix("/") else { return usage("path", "the request's target is not a path.") }
        return nil
    }

    package func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard let fault = error as? HTTPParserError else { return context.fireErrorCaught(error) }
        guard !isReadingBody else {
            // Whoever reads the body says so in its answer.
            isLast = true
            return context.fireErrorCaught(error)
        }
        guard !isLast else { return }
        let isLarge = fault == .headerOverflow
        let message =
            isLarge
            ? "the request's header has more than \(APILimits.headerFields) fields, a field of more than \(APILimits.headerFieldBytes) bytes, or "
                + "more than \(APILimits.headerBytes) bytes." : "what came is not HTTP/1.1."
        refuse(PlainProblem(FlowError(.usage, subject: "header", "Nothing was done: \(message)"), status: isLarge ? 431 : 400), context)
    }

    private func refuse(_ problem: PlainProblem, _ context: ChannelHandlerContext) {
        isLast = true
        refusal = problem
        if asked.isEmpty { end(context) }
    }

    // MARK: - Answers

    /// The door says by an event that it let somebody in. What a request has in its header says nothing: not every route looks at it.
    package func triggerUserOutboundEvent(context: ChannelHandlerContext, event: Any, promise: EventLoopPromise<Void>?) {
        guard let accepted = event as? CredentialAccepted else { return context.triggerUserOutboundEvent(event, promise: promise) }
        connections.know(context.channel, accepted.person)
        promise?.succeed()
    }

    package func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        guard !isOver, let request = asked.first else {
            promise?.fail(ChannelError.outputClosed)
            return
        }
        switch unwrapOutboundIn(data) {
        case .head(var head):
            if head.status == .unauthorized { isLast = true }
            if isLast, asked.count == 1, refusal == nil { head.headers.replaceOrAdd(name: "connection", value: "close") }
            if request.isHTTP10 { head.version = .http1_0 }
            // An event stream says by itself that nothing comes after it.
            if head.headers[canonicalForm: "connection"].contains("close") { isLast = true }
            context.write(wrapOutboundOut(.head(head)), promise: promise)
        case .body: context.write(data, promise: promise)
        case .end:
            writeLast(data, promise, context)
            asked.removeFirst()
            connections.requestEnded(context.channel)
            guard asked.isEmpty else { return }
            if isLast { end(context) } else { awaitHead(context) }
        }
    }

    /// An answer that nobody reads is not kept for ever.
    private func writeLast(_ data: NIOAny, _ promise: EventLoopPromise<Void>?, _ context: ChannelHandlerContext) {
        let channel = context.channel
        let isRead = promise ?? context.eventLoop.makePromise()
        let slow = context.eventLoop.scheduleTask(in: .seconds(Int64(APILimits.writeSeconds))) { channel.close(promise: nil) }
        isRead.futureResult.whenComplete { _ in slow.cancel() }
        context.writeAndFlush(data, promise: isRead)
    }

    /// Says what there is to be said, and closes. The other side is given time to read it.
    private func end(_ context: ChannelHandlerContext) {
        isOver = true
        if let refusal {
            var head = HTTPResponseHead(version: .http1_1, status: .init(statusCode: refusal.status))
            for (name, value) in refusal.headers { head.headers.add(name: name, value: value) }
            context.write(wrapOutboundOut(.head(head)), promise: nil)
            context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(bytes: refusal.body)))), promise: nil)
            context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        }
        let channel = context.channel
        context.close(mode: .output, promise: nil)
        deadline?.cancel()
        deadline = context.eventLoop.scheduleTask(in: .seconds(APILimits.lingerSeconds)) { channel.close(promise: nil) }
    }
}
