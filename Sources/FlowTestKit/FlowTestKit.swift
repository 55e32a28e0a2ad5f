// FlowTestKit
