package import FlowHTTP

/// What requests of flows go through: one client, and the rules of where it may go.
package struct HTTPAccess: Sendable {
    package let client: HTTP.Client
    package let egress: EgressRules

    package init(client: HTTP.Client = HTTP.Client(), egress: EgressRules = EgressRules()) {
        self.client = client
        self.egress = egress
    }
}
