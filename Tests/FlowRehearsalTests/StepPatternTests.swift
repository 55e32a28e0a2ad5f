import FlowModel
import FlowRehearsal
import Testing

@Suite("Steps are named by the end of their path", .timeLimit(.minutes(10)))
struct StepPatternTests {
    @Test(arguments: [
        ("switch", "deploy[web-3]/switch", true), ("switch", "switch", true), ("switch", "deploy[web-3]/switch-back", false),
        ("deploy/switch", "deploy[web-3]/switch", true), ("deploy/switch", "other/deploy[web-3]/switch", true),
        ("deploy[web-3]/switch", "deploy[web-3]/switch", true), ("deploy[web-3]/switch", "deploy[web-4]/switch", false),
        ("deploy[web-*]/switch", "deploy[web-4]/switch", true), ("deploy[db-*]/switch", "deploy[web-4]/switch", false),
        ("switch[web-3]", "deploy[web-3]/switch", true), ("switch[web-3]", "deploy[web-4]/switch", false),
        ("switch-back", "deploy[web-3]/undo:switch-back", true), ("undo:switch-back", "deploy[web-3]/undo:switch-back", true),
        ("between:switch-back", "deploy[web-3]/undo:switch-back", false), ("check", "deploy[batch 1]/between:check", true),
        ("deploy[batch 2]/check", "deploy[batch 1]/between:check", false), ("a/b", "a[x/y]/b", true),
    ])
    func `or not`(pattern: String, path: String, isMeant: Bool) throws {
        #expect(try #require(StepPattern(pattern)).matches(StepPlace(path)) == isMeant)
    }

    @Test(arguments: [
        ("create", "each[0]/make > create", true), ("make > create", "each[0]/make > create", true), ("make > create", "create", false),
        ("each[0]/make > create", "each[0]/make > create", true), ("each[1]/make > create", "each[0]/make > create", false),
        ("each[*]/make > create", "each[1]/make > create", true), ("other > create", "each[0]/make > create", false),
        ("inner > create", "outer > inner > create", true), ("outer > inner > create", "outer > inner > create", true),
        ("outer > create", "outer > inner > create", false),
    ])
    func `in a flow that is called, as they are shown`(pattern: String, place: String, isMeant: Bool) throws {
        #expect(try #require(StepPattern(pattern)).matches(StepPlace(place)) == isMeant)
        #expect("\(StepPlace(place))" == place)
    }

    @Test func `a host names a step that runs there`() throws {
        let pattern = try #require(StepPattern("migrate[db-1]"))
        #expect(pattern.matches(StepPlace("migrate", on: "db-1")) && !pattern.matches(StepPlace("migrate", on: "db-2")))
        #expect(!pattern.matches(StepPlace("migrate")))
    }

    @Test(arguments: ["", "/", "a/", "a[", "a[]", "a[b]c", "[b]", " > a", "a > "]) func `what is no path is none`(text: String) {
        #expect(StepPattern(text) == nil)
    }
}
