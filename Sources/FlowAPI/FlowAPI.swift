// FlowAPI
