import FlowDSL

/// Pays once, on a host that may go away in the middle; the bank here knows whether it was booked.
@main struct Pay: Flow {
    @Param("Where the bank's books are") var folder: String
    @Param("The host") var host: String
    @Param("Whether the bank can be asked") var asks: Bool = true

    var body: some FlowBody {
        when($asks) {
            shell(
                "transfer", "echo paid >>/var/tmp/book; sleep 600", on: $host, timeout: .seconds(2),
                effect: .probe(here: true) { "test -e \($folder)/booked || exit 1" })
        } otherwise: {
            shell("transfer-blind", "echo paid >>/var/tmp/book; sleep 600", on: $host, timeout: .seconds(2))
        }
        shell("receipt", "echo receipt >>\($folder)/ran")
    }
}
