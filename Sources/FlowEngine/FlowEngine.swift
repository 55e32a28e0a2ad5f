// FlowEngine: the brain. It decides what happens next in a run, and records it before anything acts on it.
//
// `Machine/` is the pure core: `Run` is the fold of its journal entries, `RunMachine` takes an event and gives entries and
// actions. No clock, no ids, no randomness, no dictionary-order dependence: all of that comes in with the event.
// `Shell/` is one writer thread per database: it takes what has arrived, runs the machine, commits everything in one
// transaction, and only then answers and acts.
//
// What it must not know: HTTP, processes, SQL, files, hosts. It imports FlowModel and nothing else of ours.
