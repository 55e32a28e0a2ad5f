// FlowLoading
