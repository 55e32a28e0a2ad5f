import FlowDSL

struct Machine: Codable, Sendable { var id: String }

/// Makes a machine.
struct MakeMachine: Flow {
    @Param("Where to note what was done") var folder: String
    @Param("Its name") var name: String

    var body: some FlowBody<ShellOutput<Machine>> {
        step("note", $name) { context, name in context.log("a machine for \(name)") }
        shell("create", "echo create \($name) >>\($folder)/ran; sleep 1; echo id=vm-\($name) >>$FLOW_OUTPUT", output: Machine.self)
    }
}

/// Makes a service on a machine of its own; every step says how it is taken back.
@main struct NewService: Flow {
    @Param("Where to note what was done") var folder: String
    @Param("The service") var name: String

    var body: some FlowBody {
        shell("network", "echo network >>\($folder)/ran", undo: { _ in shell("remove", "echo remove-network >>\($folder)/ran") })
        let machine = call(
            "machine", MakeMachine.self, inputs: [.input(\.$folder, $folder), .input(\.$name, $name)],
            undo: { made in shell("delete", "sleep 1; echo delete \(made.value.id) >>\($folder)/ran") })
        parallel {
            shell(
                "register", "echo register \(machine.value.id) >>\($folder)/ran",
                undo: { _ in shell("unregister", "echo unregister >>\($folder)/ran") })
            shell("monitor", "echo monitor >>\($folder)/ran", undo: { _ in shell("forget", "echo forget >>\($folder)/ran") })
        }
    }
}
