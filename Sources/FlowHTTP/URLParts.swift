import CLibCurl

/// A URL as libcurl reads it: what is judged here is what is connected to.
struct URLParts: Sendable {
    let scheme: String
    /// Without the brackets of IPv6.
    let host: String
    let port: String
    /// User and password, which are in no message.
    let credentials: [String]

    /// Whom a connection is to, and whose credentials go there.
    var origin: String { "\(scheme)://\(host):\(port)" }
    /// For people.
    var place: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }

    /// Throws `Failure.invalid` for what is not a URL of HTTP.
    init(_ text: String) throws(HTTP.Failure) {
        let url = try URLHandle(text)
        scheme = url.part(CURLUPART_SCHEME)?.lowercased() ?? ""
        guard scheme == "http" || scheme == "https" else { throw .invalid("its URL begins with neither http:// nor https://") }
        guard let host = url.part(CURLUPART_HOST), let port = url.part(CURLUPART_PORT, UInt32(CURLU_DEFAULT_PORT)) else {
            throw .invalid("its URL has no host")
        }
        self.host = host.hasPrefix("[") ? String(host.dropFirst().prefix { $0 != "]" && $0 != "%" }) : host.lowercased()
        self.port = port
        credentials = [url.part(CURLUPART_USER), url.part(CURLUPART_PASSWORD)].compactMap { $0 }.filter { !$0.isEmpty }
    }

    /// The URL that `location` means in an answer from `base`. Throws `Failure.redirect` when it means none.
    static func resolve(_ location: String, from base: String) throws(HTTP.Failure) -> String {
        let url = try URLHandle(base)
        let code = curl_url_set(url.handle, CURLUPART_URL, location, UInt32(CURLU_URLENCODE))
        guard code == CURLUE_OK, let text = url.part(CURLUPART_URL) else { throw .redirect("it leads to no URL of HTTP") }
        return text
    }

    /// `target` with the user and password of `base`, where both are one place and `target` names none.
    static func keepingCredentials(of base: String, in target: String) throws(HTTP.Failure) -> String {
        let (here, there) = (try URLHandle(base), try URLHandle(target))
        guard try URLParts(base).origin == (try URLParts(target).origin), there.part(CURLUPART_USER) == nil, there.part(CURLUPART_PASSWORD) == nil
        else {
            return target
        }
        for part in [CURLUPART_USER, CURLUPART_PASSWORD] {
            if let text = here.part(part) { curl_url_set(there.handle, part, text, 0) }
        }
        return there.part(CURLUPART_URL) ?? target
    }
}

extension HTTP {
    /// A URL as it may be shown and logged; what is none is left out altogether.
    package static func withoutCredentials(_ url: String) -> String {
        guard let handle = try? URLHandle(url) else { return "a URL that cannot be read" }
        for part in [CURLUPART_USER, CURLUPART_PASSWORD, CURLUPART_OPTIONS] { curl_url_set(handle.handle, part, nil, 0) }
        return handle.part(CURLUPART_URL) ?? "a URL that cannot be read"
    }
}

/// libcurl's own form of a URL.
private final class URLHandle {
    let handle: OpaquePointer

    init(_ text: String) throws(HTTP.Failure) {
        guard let handle = curl_url() else { throw .other("no memory for a URL") }
        self.handle = handle
        let code = curl_url_set(handle, CURLUPART_URL, text, UInt32(CURLU_PATH_AS_IS))
        guard code == CURLUE_OK else { throw .invalid("its URL cannot be read: \(String(cString: curl_url_strerror(code)))") }
    }

    deinit { curl_url_cleanup(handle) }

    func part(_ part: CURLUPart, _ flags: UInt32 = 0) -> String? {
        var text: UnsafeMutablePointer<CChar>?
        guard curl_url_get(handle, part, &text, flags) == CURLUE_OK, let text else { return nil }
        defer { curl_free(text) }
        return String(cString: text)
    }
}
