import FlowLoading
import FlowModel

/// The checks of FlowLoading, in the form that the library takes.
enum PlanCheck {
    static func check(_ plan: Plan) throws(FlowError) {
        var faults = PlanValidation.faults(in: plan)
        if faults.isEmpty { faults = PlanDetails.faults(in: plan) }
        guard faults.isEmpty else {
            throw FlowError(.load, subject: plan.flow, "The plan of flow '\(plan.flow)' is not acceptable.", errors: faults)
        }
    }

    static func inputs(_ parameters: [Parameter], _ given: [String: JSON]) throws(FlowError) -> [String: JSON] {
        try InputValidation.resolve(parameters, given: given)
    }
}
