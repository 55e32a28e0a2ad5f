import CFlowShims
import CLibCurl
import Glibc

/// What libcurl calls, on the loop's thread, while the loop drives it. The transfer is alive as long as its handle is.
extension Transfer {
    func setCallbacks() throws(HTTP.Failure) {
        let me = Unmanaged.passUnretained(self).toOpaque()
        for option in [CURLOPT_WRITEDATA, CURLOPT_HEADERDATA, CURLOPT_READDATA, CURLOPT_SEEKDATA, CURLOPT_OPENSOCKETDATA, CURLOPT_PREREQDATA] {
            try set(option, pointer: me)
        }
        try check(flow_curl_set_transfer(easy, CURLOPT_HEADERFUNCTION, Transfer.headerCame), CURLOPT_HEADERFUNCTION)
        try check(flow_curl_set_transfer(easy, CURLOPT_WRITEFUNCTION, Transfer.bodyCame), CURLOPT_WRITEFUNCTION)
        try check(flow_curl_set_transfer(easy, CURLOPT_READFUNCTION, Transfer.bodyIsWanted), CURLOPT_READFUNCTION)
        try check(flow_curl_set_seek(easy, Transfer.bodyIsWantedAgain), CURLOPT_SEEKFUNCTION)
        try check(flow_curl_set_open_socket(easy, Transfer.socketIsWanted), CURLOPT_OPENSOCKETFUNCTION)
        try check(flow_curl_set_before_request(easy, Transfer.requestBegins), CURLOPT_PREREQFUNCTION)
    }

    private static func of(_ pointer: UnsafeMutableRawPointer?) -> Transfer? {
        pointer.map { Unmanaged<Transfer>.fromOpaque($0).takeUnretainedValue() }
    }

    // Fewer bytes than came: libcurl ends the transfer.
    private static let headerCame: curl_write_callback = { bytes, size, count, data in
        let line = UnsafeRawBufferPointer(start: bytes, count: size * count)
        return Transfer.of(data)?.receive(line: line) == true ? line.count : 0
    }

    private static let bodyCame: curl_write_callback = { bytes, size, count, data in
        let piece = UnsafeRawBufferPointer(start: bytes, count: size * count)
        guard !piece.isEmpty else { return 0 }
        return switch Transfer.of(data)?.receive(body: piece) {
        case .taken: piece.count
        case .paused: flow_curl_write_pause
        case .refused, nil: 0
        }
    }

    private static let bodyIsWanted: curl_write_callback = { buffer, size, count, data in
        switch Transfer.of(data)?.send(UnsafeMutableRawBufferPointer(start: buffer, count: size * count)) {
        case .bytes(let count): count
        case .paused: flow_curl_read_pause
        case nil: flow_curl_read_abort
        }
    }

    private static let bodyIsWantedAgain: curl_seek_callback = { data, offset, origin in
        guard let transfer = Transfer.of(data), origin == SEEK_SET, offset >= 0 else { return CURL_SEEKFUNC_FAIL }
        transfer.upload?.seek(to: Int(offset))
        return CURL_SEEKFUNC_OK
    }

    private static let socketIsWanted: curl_opensocket_callback = { data, _, address in
        guard let transfer = Transfer.of(data), let address else { return CURL_SOCKET_BAD }
        if let rules = transfer.request.egress, address.pointee.family != AF_UNIX {
            // One that cannot be judged is not good.
            guard let ip = IPAddress(flow_curl_address(address)) else { return CURL_SOCKET_BAD }
            if let refusal = rules.refusal(of: ip) {
                transfer.refusal = refusal
                return CURL_SOCKET_BAD
            }
        }
        transfer.hasDialled = true
        let descriptor = socket(address.pointee.family, address.pointee.socktype | Int32(SOCK_CLOEXEC.rawValue), address.pointee.protocol)
        // Those are the engine's own.
        guard descriptor >= 0, flow_is_reserved(descriptor) == 0 else {
            let code = descriptor < 0 ? errno : EMFILE
            if descriptor >= 0 { close(descriptor) }
            transfer.socketFault = code
            errno = code
            return CURL_SOCKET_BAD
        }
        return descriptor
    }

    /// There is a connection, perhaps one that another request opened, whose rules were others.
    private static let requestBegins: curl_prereq_callback = { data, address, _, _, _ in
        guard let transfer = Transfer.of(data) else { return CURL_PREREQFUNC_ABORT }
        if let rules = transfer.request.egress, transfer.request.socket == nil {
            let text = address.map { String(cString: $0) } ?? ""
            guard let ip = IPAddress(text) else {
                transfer.fault = .other("it is not known which address a connection goes to")
                return CURL_PREREQFUNC_ABORT
            }
            if let refusal = rules.refusal(of: ip) {
                transfer.fault = .forbiddenAddress(refusal)
                return CURL_PREREQFUNC_ABORT
            }
        }
        transfer.hasBegun = true
        transfer.enter(.head)
        return CURL_PREREQFUNC_OK
    }
}
