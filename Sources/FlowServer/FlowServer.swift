// FlowServer
