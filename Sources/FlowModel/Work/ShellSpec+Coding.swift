/// The script is `command`, its text, or `script`, the digest of a file of the plan.
extension ShellSpec: Codable {
    private enum CodingKeys: String, CodingKey {
        case interpreter, command, script, variables, arguments, environment, workdir, target, account
    }

    package init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        let command = try values.decodeIfPresent(String.self, forKey: .command)
        let script = try values.decodeIfPresent(Digest.self, forKey: .script)
        self.init(
            interpreter: try values.decode(.interpreter, unlessAbsent: .sh), source: .text(command ?? ""),
            variables: try values.decode(.variables, unlessAbsent: []), arguments: try values.decode(.arguments, unlessAbsent: []),
            environment: try values.decode(.environment, unlessAbsent: [:]), workdir: try values.decodeIfPresent(Expression.self, forKey: .workdir),
            target: try values.decodeIfPresent(Expression.self, forKey: .target),
            account: try values.decodeIfPresent(Expression.self, forKey: .account))
        guard (command == nil) != (script == nil) else {
            let found = command == nil ? "neither" : "both"
            throw DecodingError.dataCorrupted(
                .init(codingPath: decoder.codingPath, debugDescription: "must have a 'command' or a 'script', found \(found)"))
        }
        if let script { source = .asset(script) }
    }

    package func encode(to encoder: any Encoder) throws {
        var values = encoder.container(keyedBy: CodingKeys.self)
        try values.encode(interpreter, forKey: .interpreter, unless: .sh)
        switch source {
        case .text(let text): try values.encode(text, forKey: .command)
        case .asset(let digest): try values.encode(digest, forKey: .script)
        }
        try values.encode(variables, forKey: .variables, unless: [])
        try values.encode(arguments, forKey: .arguments, unless: [])
        try values.encode(environment, forKey: .environment, unless: [:])
        try values.encodeIfPresent(workdir, forKey: .workdir)
        try values.encodeIfPresent(target, forKey: .target)
        try values.encodeIfPresent(account, forKey: .account)
    }
}
