// FlowWire
