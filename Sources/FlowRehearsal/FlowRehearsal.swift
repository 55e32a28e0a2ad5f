// FlowRehearsal: a flow is tried to its end by the engine that will run it, and nothing happens.
//
// The engine, its journal (in memory), leases, timers, gates, rollouts and undo are the real ones. Hands, people and messages are invented: every
// attempt succeeds after a second with an output of the declared type, gates are approved by people who satisfy their rules, messages
// arrive; unless the script of the rehearsal says otherwise. The clock is virtual and jumps to what comes next, so that a flow of days takes
// milliseconds, and the same rehearsal gives the same timeline each time.
//
// `Rehearsal` is what authors test their flows with; `flowctl rehearse` comes in by `RehearsalOrder`.
//
// What it must not know: HTTP, processes, hosts, SQL, the clock of the machine.
