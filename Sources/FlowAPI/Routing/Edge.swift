import FlowModel
import HTTPTypes
package import Hummingbird
import Logging
package import NIOCore
import NIOHTTP1

/// How a request came in.
package enum Listener: Sendable {
    /// The unix socket: the kernel says who is at the other end.
    case socket
    /// A TCP address, with or without TLS: a token says it.
    case network
}

/// What Hummingbird keeps for a request: its parameters, and the connection.
package struct EdgeContext: RequestContext {
    package var coreContext: CoreRequestContextStorage
    package let channel: any Channel

    package init(source: ApplicationRequestContextSource) {
        coreContext = CoreRequestContextStorage(source: source)
        channel = source.channel
    }
}

/// There is no route for the request.
private struct NoRoute: Error {}

/// Says so in a way that `Edge` can tell from everything else: the router would answer by itself, without a word.
private struct UnroutedMiddleware: RouterMiddleware {
    func handle(
        _ request: Request, context: EdgeContext, next: @concurrent (Request, EdgeContext) async throws -> Response
    ) async throws -> Response {
        do {
            return try await next(request, context)
        } catch let error as HTTPError where error.status == .notFound {
            throw NoRoute()
        }
    }
}

/// Answers every request on one listener: finds the route, lets in whom it allows, and shows errors as problems.
package struct Edge: HTTPResponder {
    private let router: RouterResponder<EdgeContext>
    private let meters: Meters
    private let logger: Logger

    package init(api: API, listener: Listener, routes: [Route] = Routes.all) {
        let router = Router(context: EdgeContext.self)
        router.add(middleware: UnroutedMiddleware())
        let door = Door(identities: api.identities, listener: listener)
        for route in routes {
            let path = route.path.split(separator: "/").map { $0.hasPrefix("{") ? ":\($0.dropFirst().dropLast())" : String($0) }
            router.on(RouterPath("/" + path.joined(separator: "/")), method: route.method) { request, context in
                await Edge.answer(request, context, route, api, door)
            }
        }
        self.router = router.buildResponder()
        meters = api.meters
        logger = api.logger
    }

    package func respond(to request: Request, context: EdgeContext) async throws -> Response {
        do {
            // The router would see past empty segments: a path has one spelling.
            guard Edge.isPlain(request.head.path ?? "") else { throw NoRoute() }
            return try await router.respond(to: request, context: context)
        } catch is NoRoute {
            meters.countRequest(verb: "none", method: "", status: 404, seconds: 0)
            let what = "\(request.method.rawValue) \(String(request.uri.path.prefix(200)))"
            let problem = FlowError(
                .notFound, subject: what, "There is no route for \(what).", hint: "GET /openapi.json lists them.")
            return Edge.refuse(problem, request, context)
        }
    }

    private static func isPlain(_ target: String) -> Bool {
        let path = target.prefix { $0 != "?" }
        return path == "/" || path.hasPrefix("/") && !path.hasSuffix("/") && !path.contains("//")
    }

    /// Lets in, calls the handler, shows errors as problems, counts. Never throws: what the router throws is its own.
    private static func answer(
        _ request: Request, _ context: EdgeContext, _ route: Route, _ api: API, _ door: Door
    ) async -> Response {
        let start = ContinuousClock.now
        var response: Response
        do {
            let actor = try await door.admit(request, channel: context.channel, to: route)
            let parameters = try parameters(of: route, context)
            let call = Call(
                api: api, request: request, channel: context.channel, route: route, parameters: parameters, asker: actor, door: door)
            try call.refuseUnknownQuery()
            response = try await route.handler(call)
            if request.method == .head { response = response.createHeadResponse() }
        } catch {
            response = refuse(problem(error, route, api.logger), request, context)
        }
        let duration = (ContinuousClock.now - start).components
        api.meters.countRequest(
            verb: route.verb, method: route.method.rawValue, status: Int(response.status.code),
            seconds: Double(duration.seconds) + Double(duration.attoseconds) / 1e18)
        return response
    }

    private static func parameters(of route: Route, _ context: EdgeContext) throws(FlowError) -> [String: String] {
        var parameters: [String: String] = [:]
        for name in route.parameterNames {
            guard let raw = context.parameters.get(name), let value = PercentCoding.decode(raw), !value.isEmpty else {
                throw FlowError(
                    .usage, subject: name, "Nothing was done: the path's '\(name)' is not percent-encoded UTF-8 without NUL.")
            }
            parameters[name] = value
        }
        return parameters
    }

    /// What the outside is told. Errors that are not meant for it are logged here and shown as `internal`.
    private static func problem(_ error: any Error, _ route: Route, _ logger: Logger) -> FlowError {
        if let error = error as? FlowError {
            if error.code == .internal || error.code == .storage || error.code == .database {
                logger.error("request failed", metadata: ["verb": "\(route.verb)", "error": "\(error)"])
            }
            return error
        }
        if error is HTTPParserError {
            return FlowError(
                .usage, subject: "body",
                "Nothing was done: the request's body ended early, is not in the chunks it says it is, or has too much behind it.")
        }
        if error is CancellationError {
            return FlowError(.overloaded, subject: route.verb, "The request was given up: the server is stopping.")
        }
        logger.error("request failed", metadata: ["verb": "\(route.verb)", "error": "\(error)"])
        return FlowError(
            .internal, subject: route.verb, "The request failed for a reason that is Flow's own; the server's log has it.",
            hint: "flowctl doctor")
    }

    /// An error's response. A client that may still be sending its body is given time to read it, then cut off: nobody wants
    /// the rest.
    private static func refuse(_ error: FlowError, _ request: Request, _ context: EdgeContext) -> Response {
        var response = Answer.problem(error)
        if request.method == .head { response = response.createHeadResponse() }
        let hasBody = request.headers[.transferEncoding] != nil || (request.headers[.contentLength] ?? "0") != "0"
        if hasBody, [.tooLarge, .unauthenticated, .forbidden, .notFound].contains(error.code) {
            response.headers[.connection] = "close"
            let channel = context.channel
            channel.eventLoop.scheduleTask(in: .seconds(APILimits.lingerSeconds)) { channel.close(promise: nil) }
        }
        return response
    }
}
