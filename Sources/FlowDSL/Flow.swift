/// A flow: parameters, and a body of steps that becomes a plan before anything runs.
///
///     @main struct Hello: Flow {
///         @Param("Whom to greet") var name: String = "world"
///
///         var body: some FlowBody {
///             shell("greet", "echo hello \($name)")
///         }
///     }
///
/// The body is evaluated once, when the file is loaded; nothing in it runs then. A Swift `if` or `for` over constants shapes
/// the plan; `when` and `map` decide while the flow runs.
public protocol Flow {
    associatedtype Body: FlowBody

    init()

    /// The steps, one after the other unless they stand in `parallel`.
    @FlowBuilder var body: Body { get }

    /// What the flow is called; the type's name in kebab case unless given.
    static var name: String { get }

    /// One sentence on what the flow does, for lists.
    static var summary: String { get }

    /// What starts the flow by itself, once it is registered; nothing unless given.
    static var triggers: [Trigger] { get }

    /// What a run of it has to itself from its first step to its end; nothing unless given. Names may read parameters.
    var lock: Lock { get }
    /// How many runs of it, and of others that name the same limit, go on at once; any unless given.
    var limit: Limit { get }

    /// What becomes of a run that is started while another one goes on; both go on unless given.
    static var overlap: Overlap { get }

    /// Whose turn it is where there is not enough for all; `normal` unless given.
    static var priority: RunPriority { get }

    /// How many further attempts the steps of a run may have together; any unless given.
    static var retryBudget: Int? { get }
}

extension Flow {
    public static var name: String { kebabCase("\(Self.self)") }
    public static var summary: String { "" }
    public static var triggers: [Trigger] { [] }
    public var lock: Lock { [] }
    public var limit: Limit { [] }
    public static var overlap: Overlap { .allow }
    public static var priority: RunPriority { .normal }
    public static var retryBudget: Int? { nil }

    /// Describes the flow or serves its steps, as the arguments say: what `@main` calls.
    @MainActor
    public static func main() async {
        await FlowProcess.main(Self.self, arguments: CommandLine.arguments)
    }
}

/// `ReleaseWeb` → `release-web`, `HTTPCheck` → `http-check`.
func kebabCase(_ name: String) -> String {
    let characters = Array(name)
    var out = ""
    for (index, character) in characters.enumerated() {
        let startsWord =
            character.isUppercase && index > 0
            && (!characters[index - 1].isUppercase || characters.dropFirst(index + 1).first?.isLowercase == true)
        if startsWord, out.last != "-" { out += "-" }
        out += character == "_" ? "-" : character.lowercased()
    }
    return out
}
