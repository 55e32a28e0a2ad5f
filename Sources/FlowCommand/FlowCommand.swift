// FlowCommand: everything that `flowctl` says and does, without the means to do it.
//
// What lives here: the command line (`Commands/`), the typed client of the HTTP API (`Client/`), how a run is followed
// (`Following/`), how things are shown (`Rendering/`), and every message (`Messages.swift`).
// What it must not know: sockets, signals, compilers, engines. They come in with `Surroundings`, real ones from the executable,
// scripted ones from tests. It imports FlowModel and FlowWire and nothing else of ours.
