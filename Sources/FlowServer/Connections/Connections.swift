package import FlowAPI
import Glibc
import NIOCore
import Synchronization

/// The connections of one listener, and how many there may be.
///
/// A *stranger* is a connection that has shown no credential that was accepted; on the socket there are none, for the kernel says who is there.
/// Strangers who ask nothing, do not come to the end of what they ask, or do not take their answer make room for those who come: where there are too
/// many, of one address or in all, the one that has been silent for longest is closed. Where there is none, it is one of the person who has the most
/// requests that do not come to their end. So connections that only stay keep nobody out, and never take the descriptors that the engine needs.
package final class Connections: Sendable {
    package struct Bounds: Sendable {
        package var all: Int
        package var strangersOfAddress: Int

        package init(all: Int, strangersOfAddress: Int) {
            self.all = all
            self.strangersOfAddress = strangersOfAddress
        }
    }

    private struct Entry {
        var channel: any Channel
        var address: String
        var since: ContinuousClock.Instant
        var isStranger: Bool
        /// Whose credential was accepted.
        var person: String?
        /// Requests under way.
        var requests = 0
        /// Whether one of them has not come to its end.
        var isArriving = false

        /// Who is closed first: who would not be cut off in the middle of anything. nil: nobody is.
        var rank: Int? {
            let isIdle = requests == 0 || isArriving
            return isStranger ? isIdle ? 0 : 1 : requests == 0 ? 2 : nil
        }
    }

    private struct State {
        var entries: [ObjectIdentifier: Entry] = [:]
        var strangers: [String: Int] = [:]
    }

    private let state = Mutex(State())
    private let bounds: Bounds
    private let isNetwork: Bool
    private let meters: Meters

    package init(_ bounds: Bounds, isNetwork: Bool, meters: Meters) {
        self.bounds = bounds
        self.isNetwork = isNetwork
        self.meters = meters
    }

    /// What this process may have, below its limit of descriptors: a reserve stays for the engine, a part of the rest for the socket.
    static func bounds(isNetwork: Bool, isBehindProxy: Bool) -> Bounds {
        var limit = rlimit()
        let descriptors = getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 ? Int(clamping: limit.rlim_cur) : 1_024
        let room = max(descriptors - APILimits.reservedDescriptors, descriptors / 4)
        let all = max(1, min(APILimits.connections, isNetwork ? room / 4 * 3 : room / 4))
        // Behind a proxy all come from one address.
        return Bounds(all: all, strangersOfAddress: isBehindProxy ? all : min(all, APILimits.strangersOfAddress))
    }

    /// Whether the connection may stay. One that was silent may have been closed for it.
    func take(_ channel: any Channel, from address: String) -> Bool {
        let now = ContinuousClock.now
        let (isTaken, silent) = state.withLock { state -> (Bool, (any Channel)?) in
            var silent: (any Channel)?
            if state.entries.count >= bounds.all {
                silent = Connections.silent(&state, before: now, of: nil)
                if silent == nil { return (false, nil) }
            } else if isNetwork, state.strangers[address, default: 0] >= bounds.strangersOfAddress {
                silent = Connections.silent(&state, before: now, of: address)
                if silent == nil { return (false, nil) }
            }
            state.entries[ObjectIdentifier(channel)] = Entry(channel: channel, address: address, since: now, isStranger: isNetwork)
            if isNetwork { state.strangers[address, default: 0] += 1 }
            return (true, silent)
        }
        silent?.close(promise: nil)
        if !isTaken || silent != nil { meters.count("flow_connections_refused_total") }
        return isTaken
    }

    /// Takes out who has been silent for longest, and long enough to have said something. With an address: one of its strangers, for the others
    /// are not what there are too many of.
    private static func silent(_ state: inout State, before now: ContinuousClock.Instant, of address: String?) -> (any Channel)? {
        let latest = now - .seconds(APILimits.silentSeconds)
        let old = state.entries.filter { $0.value.since <= latest }
        let silent = old.filter { $0.value.rank != nil && (address == nil || $0.value.isStranger && $0.value.address == address) }
            .min { ($0.value.rank ?? 0, $0.value.since) < ($1.value.rank ?? 0, $1.value.since) }
        guard let oldest = silent ?? (address == nil ? unfinished(old) : nil) else { return nil }
        remove(oldest.key, &state)
        return oldest.value.channel
    }

    /// The oldest request of the person who has the most of those that do not come to their end, where that is more than anybody needs.
    private static func unfinished(_ entries: [ObjectIdentifier: Entry]) -> (key: ObjectIdentifier, value: Entry)? {
        let most = Dictionary(grouping: entries.filter { $0.value.isArriving && $0.value.person != nil }) { $0.value.person }
            .values.max { $0.count < $1.count }
        guard let most, most.count > APILimits.arrivalsOfPerson else { return nil }
        return most.min { $0.value.since < $1.value.since }
    }

    private static func remove(_ key: ObjectIdentifier, _ state: inout State) {
        guard let entry = state.entries.removeValue(forKey: key), entry.isStranger else { return }
        forget(entry.address, &state)
    }

    private static func forget(_ address: String, _ state: inout State) {
        let left = state.strangers[address, default: 1] - 1
        state.strangers[address] = left > 0 ? left : nil
    }

    func remove(_ channel: any Channel) { state.withLock { Connections.remove(ObjectIdentifier(channel), &$0) } }

    /// Its head is here. From now on the silence counts, until all of it is.
    func requestBegan(_ channel: any Channel) {
        state.withLock { state in
            state.entries[ObjectIdentifier(channel)]?.requests += 1
            state.entries[ObjectIdentifier(channel)]?.isArriving = true
            state.entries[ObjectIdentifier(channel)]?.since = .now
        }
    }

    /// All of it is here, its body included.
    func requestArrived(_ channel: any Channel) {
        state.withLock { state in
            state.entries[ObjectIdentifier(channel)]?.isArriving = false
            state.entries[ObjectIdentifier(channel)]?.since = .now
        }
    }

    /// From now on the silence counts, if there is no other request.
    func requestEnded(_ channel: any Channel) {
        state.withLock { state in
            state.entries[ObjectIdentifier(channel)]?.requests -= 1
            state.entries[ObjectIdentifier(channel)]?.since = .now
        }
    }

    /// A credential of that person was accepted.
    func know(_ channel: any Channel, _ person: String) {
        state.withLock { state in
            let key = ObjectIdentifier(channel)
            state.entries[key]?.person = person
            guard let entry = state.entries[key], entry.isStranger else { return }
            state.entries[key]?.isStranger = false
            Connections.forget(entry.address, &state)
        }
    }

    func isStranger(_ channel: any Channel) -> Bool { state.withLock { $0.entries[ObjectIdentifier(channel)]?.isStranger ?? true } }
}
