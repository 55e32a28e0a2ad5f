import FlowCommand
import Testing

@Suite("Crontabs")
struct CrontabTests {
    @Test func `each line of a crontab is a schedule or is said, and nothing is guessed`() async {
        let tab = """
            # comment
            MAILTO=root
            CRON_TZ="Asia/Tokyo"

            */5 * * * *  /bin/check --all
              @daily  backup
            @reboot start
            0 3 * * 1 date +%F
            0 3 * *
            """
        let world = World(files: ["/tab": tab])
        #expect(await world.run("schedule", "import", "/tab", "--flow", "cron", "--dry-run") == .succeeded)
        #expect(world.out == "cron-5  */5 * * * *   /bin/check --all\ncron-6  @daily   backup\n")
        for said in ["line 2: the setting MAILTO", "line 7: @reboot is no time", "line 8: its command has a %", "line 9: it has no command"] {
            #expect(world.err.contains(said), "\(world.err)")
        }
    }
}
