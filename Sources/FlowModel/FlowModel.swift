// FlowModel: the nouns of Flow.
//
// What lives here: values that cross rooms — plans, runs, steps, attempts, orders and reports, hosts, errors, limits.
// What it must not know: clocks, ids made here, randomness, files, sockets, processes, SQL, HTTP.
// It imports nothing of ours and only FoundationEssentials (JSON coding) from outside, so that a compiled flow stays small.
