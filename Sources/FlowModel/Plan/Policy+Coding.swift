extension Policy: Codable {
    private enum CodingKeys: String, CodingKey { case retry, timeoutSeconds, onFailure, probe, claims, elementClaims }

    package init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        self.init(
            retry: try values.decodeIfPresent(Retry.self, forKey: .retry),
            timeoutSeconds: try values.decodeIfPresent(Double.self, forKey: .timeoutSeconds),
            onFailure: try values.decode(.onFailure, unlessAbsent: .stop), probe: try values.decodeIfPresent(Probe.self, forKey: .probe),
            claims: try values.decodeIfPresent([ClaimSpec].self, forKey: .claims),
            elementClaims: try values.decodeIfPresent([ClaimSpec].self, forKey: .elementClaims))
    }

    package func encode(to encoder: any Encoder) throws {
        var values = encoder.container(keyedBy: CodingKeys.self)
        try values.encodeIfPresent(retry, forKey: .retry)
        try values.encodeIfPresent(timeoutSeconds, forKey: .timeoutSeconds)
        try values.encode(onFailure, forKey: .onFailure, unless: .stop)
        try values.encodeIfPresent(probe, forKey: .probe)
        try values.encodeIfPresent(claims, forKey: .claims)
        try values.encodeIfPresent(elementClaims, forKey: .elementClaims)
    }
}

/// The members of its command, with its time-out beside them.
extension Probe: Codable {
    private enum CodingKeys: String, CodingKey { case timeoutSeconds }

    package init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        self.init(command: try ShellSpec(from: decoder), timeoutSeconds: try values.decode(.timeoutSeconds, unlessAbsent: 60))
    }

    package func encode(to encoder: any Encoder) throws {
        var values = encoder.container(keyedBy: CodingKeys.self)
        try values.encode(timeoutSeconds, forKey: .timeoutSeconds)
        try command.encode(to: encoder)
    }
}

extension Retry {
    private enum CodingKeys: String, CodingKey {
        case attempts, delaySeconds, factor, maxDelaySeconds, jitter, maxElapsedSeconds, exitStatuses
    }

    package init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        self.init(
            attempts: try values.decode(Int.self, forKey: .attempts), delaySeconds: try values.decode(.delaySeconds, unlessAbsent: 1),
            factor: try values.decode(.factor, unlessAbsent: 2), maxDelaySeconds: try values.decode(.maxDelaySeconds, unlessAbsent: 300),
            jitter: try values.decode(.jitter, unlessAbsent: 0.2),
            maxElapsedSeconds: try values.decodeIfPresent(Double.self, forKey: .maxElapsedSeconds),
            exitStatuses: try values.decodeIfPresent([Int].self, forKey: .exitStatuses))
    }
}
