internal import Glibc

/// The directory of this machine's host records, where the engine has to make it: who works in it may not enter the home that it lies in.
///
/// It is made again when it is gone, also while the engine runs. Its id is another one then, so that what was out in the old one is lost,
/// and what comes finds room.
package struct LocalSpool: Hashable, Sendable {
    package let path: String
    private let owner: LaunchConfinement.Account?

    /// `owner`: whom commands run as, where that is not the engine's own account.
    package init(path: String, owner: LaunchConfinement.Account?) {
        self.path = path
        self.owner = owner
    }

    /// Blocks. 0, or the number of the error.
    package func make() -> Int32 {
        guard mkdir(path, 0o700) == 0 || errno == EEXIST else { return errno }
        guard let owner, lchown(path, owner.user, owner.group) != 0 else { return 0 }
        return errno
    }
}
