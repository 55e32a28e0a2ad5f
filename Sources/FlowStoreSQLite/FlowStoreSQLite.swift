// FlowStoreSQLite
