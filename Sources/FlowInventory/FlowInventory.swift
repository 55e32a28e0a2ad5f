// FlowInventory
