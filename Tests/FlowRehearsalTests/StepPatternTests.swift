import FlowModel
import FlowRehearsal
import Testing

@Suite("Steps are named by the end of their path")
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
        #expect(try #require(StepPattern(pattern)).matches(StepPath(path)) == isMeant)
    }

    @Test func `a host names a step that runs there`() throws {
        let pattern = try #require(StepPattern("migrate[db-1]"))
        #expect(pattern.matches(StepPath("migrate"), on: "db-1") && !pattern.matches(StepPath("migrate"), on: "db-2"))
        #expect(!pattern.matches(StepPath("migrate")))
    }

    @Test(arguments: ["", "/", "a/", "a[", "a[]", "a[b]c", "[b]"]) func `what is no path is none`(text: String) {
        #expect(StepPattern(text) == nil)
    }
}
