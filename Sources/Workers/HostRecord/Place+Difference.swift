internal import FlowModel

extension Place {
    /// Why this place, which knows nothing of an attempt, proves nothing of one that was placed at `other`; nil when it is that place.
    /// Says what was compared: the boot id, the spool id, or neither.
    func isNot(_ other: Place) -> String? {
        if other == .beforeRestore {
            return "the database came out of a backup, and the host keeps nothing of it: it may have ended and been removed since"
        }
        if bootID != other.bootID {
            return "the host was rebooted since it was started, and keeps nothing of it (boot id \(bootID), not \(other.bootID))"
        }
        if spoolID != other.spoolID {
            return "the host's spool is not the one that it was started in (spool id \(spoolID), not \(other.spoolID))"
        }
        return nil
    }
}
