// Simulates seed after seed until something is wrong: `mutants SEEDS`. Status 0: nothing was; 3: it says at which seed, and what.
import FlowTestKit
import Glibc

/// The seed in hand, for the handler of signals.
nonisolated(unsafe) var seed: UInt64 = 0
let caught: Int32 = 3
/// No sound seed takes seconds; a mutant may turn in a circle, or eat memory.
let longestSeconds: UInt32 = 20
let mostMemory: rlim_t = 4 << 30

func endBySignal(_ signal: Int32) {
    // A trap of the core, or no end.
    var line: [CChar] = Array(repeating: 0, count: 100)
    _ = withVaList([seed, signal]) { vsnprintf(&line, line.count, "seed %llu: ended by signal %d\n", $0) }
    write(STDOUT_FILENO, line, strlen(line))
    _exit(caught)
}

for signal in [SIGILL, SIGTRAP, SIGSEGV, SIGBUS, SIGABRT, SIGALRM] { _ = Glibc.signal(signal, endBySignal) }
var limit = rlimit(rlim_cur: mostMemory, rlim_max: mostMemory)
_ = setrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &limit)
let first = CommandLine.arguments.dropFirst(2).first.flatMap(UInt64.init) ?? 0
let seeds = CommandLine.arguments.dropFirst().first.flatMap(UInt64.init) ?? 1_000
do {
    while seed < seeds {
        alarm(longestSeconds)
        var simulation = RunSimulation(seed: first + seed)
        try simulation.simulate()
        var many = ManyRunsSimulation(seed: first + seed)
        try many.simulate()
        seed += 1
    }
    print("not caught in \(seeds) seeds")
} catch {
    print(error)
    exit(caught)
}
