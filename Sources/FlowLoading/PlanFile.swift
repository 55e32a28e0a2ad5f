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

    /// Reads a plan of any format; members that it does not have are refused, since they would be lost in silence.
    static func parse(_ bytes: [UInt8], named file: String) throws(FlowError) -> Plan {
        let json: JSON
        do {
            json = try JSON.parse(file: bytes, maxDepth: Limits.planDepth)
        } catch {
            throw FlowError(.load, subject: file, "\(file) is not JSON: \(error)")
        }
        guard let format = json["format"], Plan.formats.contains(where: { format == .int($0) }) else {
            let found = json["format"].map(\.canonical) ?? "none"
            let read = Plan.formats.map(String.init).joined(separator: " or ")
            throw FlowError(
                .load, subject: file, "\(file) is not a plan that this program reads: \"format\" is \(found), not \(read)")
        }
        let (plan, faults) = StrictDecoder.check(Plan.self, json)
        guard let plan else { throw FlowLoader.failure(file, faults) }
        return plan
    }
}
