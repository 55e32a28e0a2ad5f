/// A request for a worker.
package struct HTTPWork: WorkOrder {
    package struct Field: Hashable, Sendable {
        package var name: String
        package var value: String

        package init(name: String, value: String) {
            self.name = name
            self.value = value
        }
    }

    package enum Body: Hashable, Sendable {
        case json(JSON)
        case form([Field])
        case text(String)
        case file(String)
    }

    package enum Authorization: Hashable, Sendable {
        case bearer(String)
        case basic(user: String, password: String)
    }

    package var method: HTTPSpec.Method
    package var url: URLText
    package var headers: [Field]
    package var query: [Field]
    package var body: Body?
    package var authorization: Authorization?
    package var expect: [StatusRange]
    package var xml: HTTPSpec.Extraction?
    package var redirects: Int
    package var authorities: String?
    package var certificate: String?
    package var key: String?
    package var proxy: String?
    package var connectSeconds: Double
    package var responseSeconds: Double
    package var bodyBytes: Int
    /// The shape of the value, if declared.
    package var output: TypeShape?

    package init(
        method: HTTPSpec.Method, url: URLText, headers: [Field] = [], query: [Field] = [], body: Body? = nil, authorization: Authorization? = nil,
        expect: [StatusRange] = [StatusRange.success], xml: HTTPSpec.Extraction? = nil, redirects: Int = 0, authorities: String? = nil,
        certificate: String? = nil, key: String? = nil, proxy: String? = nil, connectSeconds: Double = 10, responseSeconds: Double = 60,
        bodyBytes: Int = Limits.httpBodyBytes, output: TypeShape? = nil
    ) {
        self.method = method
        self.url = url
        self.headers = headers
        self.query = query
        self.body = body
        self.authorization = authorization
        self.expect = expect
        self.xml = xml
        self.redirects = redirects
        self.authorities = authorities
        self.certificate = certificate
        self.key = key
        self.proxy = proxy
        self.connectSeconds = connectSeconds
        self.responseSeconds = responseSeconds
        self.bodyBytes = bodyBytes
        self.output = output
    }

    package var peer: String? {
        if let proxy { return URLText.host(of: proxy) }
        return (try? url.text()).flatMap { URLText.host(of: $0) }
    }

    package func mapTexts<Failure: Error>(_ change: (String) throws(Failure) -> String) throws(Failure) -> HTTPWork {
        func changed(_ fields: [Field]) throws(Failure) -> [Field] {
            var changed: [Field] = []
            for field in fields { changed.append(Field(name: field.name, value: try change(field.value))) }
            return changed
        }
        func changed(_ text: String?) throws(Failure) -> String? {
            guard let text else { return nil }
            return try change(text)
        }
        var work = self
        work.url = try url.mapTexts(change)
        work.headers = try changed(headers)
        work.query = try changed(query)
        switch body {
        case .json(let value)?: work.body = .json(try value.mapTexts(change))
        case .form(let fields)?: work.body = .form(try changed(fields))
        case .text(let text)?: work.body = .text(try change(text))
        case .file(let path)?: work.body = .file(try change(path))
        case nil: break
        }
        switch authorization {
        case .bearer(let token)?: work.authorization = .bearer(try change(token))
        case .basic(let user, let password)?: work.authorization = .basic(user: try change(user), password: try change(password))
        case nil: break
        }
        work.authorities = try changed(authorities)
        work.certificate = try changed(certificate)
        work.key = try changed(key)
        work.proxy = try changed(proxy)
        return work
    }
}
