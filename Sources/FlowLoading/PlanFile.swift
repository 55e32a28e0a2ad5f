internal import FlowModel

/// Plans that were written, or kept, as JSON.
enum PlanFile {
    static func load(_ file: String) throws(FlowError) -> LoadedFlow {
        let plan = try parse(try Files.read(file, limit: LoadLimits.envelopeBytes), named: file)
        var faults = PlanValidation.faults(in: plan)
        if faults.isEmpty { faults = PlanDetails.faults(in: plan) }
        if plan.hasSwiftSteps {
            faults.append(
                FlowError.Detail(
                    subject: plan.flow, message: "a plan in JSON has no program for its Swift steps; load the flow file"))
        }
        if !plan.assets.isEmpty {
            faults.append(
                FlowError.Detail(
                    subject: plan.flow, message: "a plan in JSON has no bytes for its embedded files; load the flow file"))
        }
        guard faults.isEmpty else { throw FlowLoader.failure(file, faults) }
        return LoadedFlow(
            plan: plan, revision: try revision(of: plan), binary: nil, binaryDigest: nil, assets: [:], timings: LoadTimings())
    }

    /// Reads a plan; members that it does not have are refused, since they would be lost in silence.
    static func parse(_ bytes: [UInt8], named file: String) throws(FlowError) -> Plan {
        let json: JSON
        do {
            json = try JSON.parse(file: bytes, maxDepth: Limits.planDepth)
        } catch {
            throw FlowError(.load, subject: file, "\(file) is not JSON: \(error)")
        }
        guard let format = json["format"]?.intValue, format == Plan.currentFormat else {
            let found = json["format"].map(\.canonical) ?? "none"
            throw FlowError(
                .load, subject: file,
                "\(file) is not a plan that this program reads: \"format\" is \(found), not \(Plan.currentFormat)")
        }
        do {
            let plan = try json.decode(as: Plan.self)
            let unknown = unknownMembers(of: json, known: try JSON(encoding: plan), at: "")
            guard unknown.isEmpty else {
                throw FlowLoader.failure(
                    file, unknown.map { FlowError.Detail(subject: $0, message: "a plan has no such member") })
            }
            return plan
        } catch let error as DecodingError {
            throw FlowLoader.failure(file, [describe(error)])
        } catch let error as FlowError {
            throw error
        } catch {
            throw FlowError(.load, subject: file, "\(file) was not read: \(error)")
        }
    }

    private static func unknownMembers(of given: JSON, known: JSON, at path: String) -> [String] {
        switch (given, known) {
        case (.object(let given), .object(let known)):
            given.sorted { $0.key < $1.key }.flatMap { member -> [String] in
                let inner = path.isEmpty ? member.key : "\(path).\(member.key)"
                guard let other = known[member.key] else { return [inner] }
                return unknownMembers(of: member.value, known: other, at: inner)
            }
        case (.array(let given), .array(let known)):
            zip(given, known).enumerated().flatMap { unknownMembers(of: $1.0, known: $1.1, at: "\(path).\($0)") }
        default: []
        }
    }

    private static func describe(_ error: DecodingError) -> FlowError.Detail {
        func place(_ context: DecodingError.Context, _ key: (any CodingKey)? = nil) -> String {
            (context.codingPath + [key].compactMap { $0 })
                .map { $0.intValue.map(String.init) ?? $0.stringValue }.joined(separator: ".")
        }
        return switch error {
        case .keyNotFound(let key, let context): FlowError.Detail(subject: place(context, key), message: "missing")
        case .typeMismatch(let type, let context):
            FlowError.Detail(subject: place(context), message: "expected \(type): \(context.debugDescription)")
        case .valueNotFound(let type, let context):
            FlowError.Detail(subject: place(context), message: "expected \(type), found null")
        case .dataCorrupted(let context): FlowError.Detail(subject: place(context), message: context.debugDescription)
        @unknown default: FlowError.Detail(subject: "", message: "\(error)")
        }
    }
}
