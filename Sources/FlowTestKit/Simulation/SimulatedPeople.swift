import FlowModel

/// Users, links, roles and lent rights that change while a run goes on.
struct SimulatedPeople {
    private struct User {
        var person: String
        var roles: Set<String>
    }

    private static let roles = ["r1", "r2", "r3"]
    private var users: [String: User] = [:]
    private var links: [(String, String)] = []
    private var formerLinks: [People.FormerLink] = []
    private var loans: [People.Loan] = []
    private var persons = 0
    private var lent = 0
    /// Everybody as of now: made with each change, since every decision asks.
    private(set) var current = People([])

    init(using random: inout SeededRandom) {
        for name in RandomGate.names {
            for user in [name, "os:\(name)"] { users[user] = User(person: name, roles: []) }
            links.append((name, "os:\(name)"))
            set(roles(&random), of: name)
        }
        for _ in 0..<6 { lend(random.pick(names), to: random.pick(names), at: Instant(milliseconds: 0), &random) }
        current = snapshot
    }

    private func roles(_ random: inout SeededRandom) -> Set<String> { Set(SimulatedPeople.roles.filter { _ in random.chance(0.4) }) }
    private mutating func set(_ roles: Set<String>, of person: String) {
        for (name, user) in users where user.person == person { users[name]?.roles = roles }
    }

    /// In order, so that the seed decides.
    private var names: [String] { users.keys.sorted() }
    private func names(of person: String) -> [String] { names.filter { users[$0]?.person == person } }

    private var snapshot: People {
        let persons = Dictionary(grouping: names) { users[$0]?.person ?? "" }
        let standings = persons.keys.sorted().map { person in
            People.Standing(person: person, names: persons[person] ?? [], roles: (persons[person]?.first.flatMap { users[$0]?.roles } ?? []).sorted())
        }
        return People(standings, links: links, formerLinks: formerLinks, loans: loans.filter(isGood))
    }

    private func isGood(_ loan: People.Loan) -> Bool {
        guard let giver = users[loan.delegation.from] else { return false }
        return giver.person != loan.taker && giver.roles.contains(loan.delegation.role)
    }

    func actor(_ user: String) -> Actor? {
        guard let known = users[user] else { return nil }
        let own = loans.filter { $0.taker == known.person && isGood($0) }.map(\.delegation)
        return Actor(person: known.person, user: user, names: names(of: known.person), roles: known.roles.sorted(), delegations: own)
    }

    func anybody(_ random: inout SeededRandom) -> Actor? { actor(random.pick(names)) }

    /// One user of each person.
    var everybody: [Actor] {
        var seen: Set<String> = []
        return names.filter { users[$0].map { seen.insert($0.person).inserted } ?? false }.compactMap(actor)
    }

    mutating func giveAllRoles() {
        for name in names { users[name]?.roles = Set(SimulatedPeople.roles) }
        current = snapshot
    }

    /// Something changes: roles, a link, a user who goes or comes again, a right that is lent or taken back.
    mutating func change(at now: Instant, _ random: inout SeededRandom) {
        let (one, other) = (random.pick(names), random.pick(names))
        switch random.int(0...8) {
        case 0, 1: if let user = users[one] { set(roles(&random), of: user.person) }
        case 2: link(one, other)
        case 6 where !links.isEmpty: takeBack(random.int(0...(links.count - 1)), at: now)
        case 3 where users.count > 8: remove(one)
        case 4 where !loans.isEmpty && random.chance(0.5): loans.remove(at: random.int(0...(loans.count - 1)))
        case 4, 7, 8: lend(one, to: other, at: now, &random)
        default: comeAgain(&random)
        }
        current = snapshot
    }

    mutating func takeRoles(of user: String) {
        guard let person = users[user]?.person else { return }
        set([], of: person)
        current = snapshot
    }

    /// The time of a lent right is over.
    mutating func endLoan(_ id: String, at now: Instant) {
        guard let index = loans.firstIndex(where: { $0.delegation.id == id }) else { return }
        loans[index].delegation.until = min(loans[index].delegation.until, now)
        current = snapshot
    }

    /// Two users turn out to be one person.
    mutating func join(_ one: String, _ other: String) {
        link(one, other)
        current = snapshot
    }

    private mutating func link(_ one: String, _ other: String) {
        guard let kept = users[one], let gone = users[other], kept.person != gone.person else { return }
        let roles = kept.roles.union(gone.roles)
        for name in names(of: gone.person) { users[name]?.person = kept.person }
        set(roles, of: kept.person)
        links.append((one, other))
    }

    /// Takes a link back: the second of the two, and who is linked with it, is a person of its own.
    private mutating func takeBack(_ number: Int, at now: Instant) {
        let (one, other) = links.remove(at: number)
        formerLinks.append(People.FormerLink(one, other, takenBackAt: now))
        guard let person = users[one]?.person, users[other]?.person == person else { return }
        var parted: Set<String> = [other]
        for _ in names { for (one, other) in links where parted.contains(one) || parted.contains(other) { parted.formUnion([one, other]) } }
        guard !parted.contains(one) else { return }
        persons += 1
        for name in names(of: person) where parted.contains(name) { users[name]?.person = "\(other)-\(persons)" }
    }

    // MARK: - Who is one person

    /// What `People` says otherwise than the history of the links: two users are one for a run that are one person now, or where a way of links leads from one to the
    /// other, each of which stands, or was taken back when the run had begun. Asked of runs that began just before, at and after each time at which one was.
    var kinFault: String? {
        let times = Set(formerLinks.map(\.takenBackAt).suffix(4)).flatMap { [$0 + -0.001, $0, $0 + 0.001] }
        let everybody = RandomGate.names.flatMap { [$0, "os:\($0)"] }
        let now = names.flatMap { name in names(of: users[name]?.person ?? "").map { (name, $0) } }
        for begun in times.sorted() {
            let edges = now + links + formerLinks.filter { begun <= $0.takenBackAt }.map { ($0.one, $0.other) }
            for one in everybody {
                let reached = SimulatedPeople.reached(from: one, by: edges)
                for other in everybody where current.areOne(one, other, inRunBegun: begun) != reached.contains(other) {
                    return "\(one) and \(other) are \(reached.contains(other) ? "" : "not ")one person for a run of \(begun), and taken otherwise"
                }
            }
        }
        return nil
    }

    private static func reached(from user: String, by edges: [(String, String)]) -> Set<String> {
        var (reached, open): (Set<String>, [String]) = ([user], [user])
        while let next = open.popLast() {
            for (one, other) in edges where one == next || other == next {
                let far = one == next ? other : one
                if reached.insert(far).inserted { open.append(far) }
            }
        }
        return reached
    }

    private mutating func remove(_ user: String) {
        users[user] = nil
        loans.removeAll { $0.delegation.from == user }
    }

    private mutating func comeAgain(_ random: inout SeededRandom) {
        let gone = RandomGate.names.flatMap { [$0, "os:\($0)"] }.filter { users[$0] == nil }
        guard let name = gone.randomElement(using: &random) else { return }
        persons += 1
        users[name] = User(person: "\(name)-\(persons)", roles: roles(&random))
    }

    private mutating func lend(_ from: String, to taker: String, at now: Instant, _ random: inout SeededRandom) {
        guard let giver = users[from], let person = users[taker]?.person, giver.person != person, let role = giver.roles.sorted().first else {
            return
        }
        lent += 1
        let until = now + Double(random.pick([5, 60, 300, 3_600]))
        let right = Delegation(id: "loan-\(lent)", from: from, person: giver.person, role: role, until: until)
        loans.append(People.Loan(right, to: person))
    }
}
