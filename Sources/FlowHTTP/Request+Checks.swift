import CLibCurl
import Glibc

extension HTTP.Request {
    /// Bytes of the path of a unix socket, as the kernel has it.
    private static let socketPathBytes = MemoryLayout.size(ofValue: sockaddr_un().sun_path) - 1

    /// Finds everything that can be found before anything is connected to. Throws `Failure.invalid` or `Failure.forbiddenAddress`.
    func checked() throws(HTTP.Failure) -> URLParts {
        let parts = try URLParts(url)
        guard !url.utf8.contains(0) else { throw .invalid("its URL has a zero byte in it") }
        guard !method.isEmpty, method.utf8.allSatisfy({ (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) || $0 == UInt8(ascii: "-") }) else {
            throw .invalid("'\(method)' is not a method")
        }
        if method == "HEAD", body != .none { throw .invalid("HEAD has no body") }
        if let fault = headers.fields.lazy.compactMap(\.fault).first { throw .invalid(fault) }
        if let socket {
            guard (1...Self.socketPathBytes).contains(socket.utf8.count), !socket.utf8.contains(0) else {
                throw .invalid("the path of its socket must have 1 to \(Self.socketPathBytes) bytes")
            }
            guard proxy == .none else { throw .invalid("a unix socket is not reached by a proxy") }
        }
        if case .url(let proxy) = proxy { _ = try URLParts(proxy) }
        for case .file(let path)? in [tls.authorities, tls.certificate, tls.key] where path.utf8.contains(0) {
            throw .invalid("the path of a certificate or key has a zero byte in it")
        }
        // Where a proxy connects nothing here is asked about the address.
        if socket == nil, proxy != .none, let egress, let address = IPAddress(parts.host), let refusal = egress.refusal(of: address) {
            throw .forbiddenAddress(refusal)
        }
        return parts
    }

    private static let harmlessHeaders: Set<String> = [
        "accept", "accept-language", "content-type", "content-language", "idempotency-key", "user-agent",
    ]

    /// The request that follows from a redirect to `location`. Throws `Failure.redirect` when it is not to be followed.
    func redirected(by status: Int, to location: String) throws(HTTP.Failure) -> HTTP.Request {
        let (here, target) = (try URLParts(url), try URLParts.resolve(location, from: url))
        guard let there = try? URLParts(target) else { throw .redirect("it leads to another protocol than HTTP") }
        if here.scheme == "https", there.scheme == "http" { throw .redirect("it leads from https to http") }
        if socket != nil, there.origin != here.origin { throw .redirect("it leads from a unix socket to another host") }
        var next = self
        next.url = try URLParts.keepingCredentials(of: url, in: target)
        if there.origin != here.origin {
            // Any header of the caller may be a credential: these are none.
            next.headers.remove { !HTTP.Request.harmlessHeaders.contains($0) }
            next.tls.certificate = nil
            next.tls.key = nil
        }
        // As every browser and curl do: what was posted is not posted again, but for 307 and 308, which say so.
        if status == 303 && method != "HEAD" || (status == 301 || status == 302) && method == "POST" {
            next.method = "GET"
            next.body = .none
            next.mayBeRepeated = true
            next.headers.remove { $0.hasPrefix("content-") }
        }
        return next
    }
}
