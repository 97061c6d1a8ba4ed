// What each caller has under way, so that one that floods a node is refused before the others are.

import Metrics
import NodeEnvironment
import Synchronization

/// One caller's calls and bytes under way. From any thread.
final class CallerAccount: Sendable {
    private let calls = Atomic<Int>(0)
    private let bytes = Atomic<Int>(0)
    private let counter: Counter

    init(_ counter: Counter) { self.counter = counter }

    var isIdle: Bool { calls.load(ordering: .relaxed) == 0 }

    /// A call came, whatever becomes of it.
    func count() { counter.increment() }

    /// False where the caller would have more under way than these.
    func take(bytes size: Int, within limit: (calls: Int, bytes: Int)) -> Bool {
        guard calls.add(1, ordering: .relaxed).newValue <= limit.calls else {
            calls.subtract(1, ordering: .relaxed)
            return false
        }
        guard bytes.add(size, ordering: .relaxed).newValue <= limit.bytes else {
            giveBack(bytes: size)
            return false
        }
        return true
    }

    func giveBack(bytes size: Int) {
        calls.subtract(1, ordering: .relaxed)
        bytes.subtract(size, ordering: .relaxed)
    }
}

/// The accounts of those who called lately: by certificate, and by connection where there is none.
final class CallerAccounts: Sendable {
    /// Beyond so many, idle ones are forgotten; what is left over shares one account.
    static let maxAccounts = 4_096

    private let counts: ClientCounts
    private let shared: CallerAccount
    private let accounts = Mutex<[String: CallerAccount]>([:])

    init(_ counts: ClientCounts) {
        self.counts = counts
        shared = CallerAccount(counts.other)
    }

    /// One look-up under a short lock. Complexity: O(1), and O(accounts) once in `maxAccounts` new callers.
    func account(of peer: PeerIdentity) -> CallerAccount {
        accounts.withLock { accounts in
            if let known = accounts[peer.payer] { return known }
            if accounts.count >= Self.maxAccounts { accounts = accounts.filter { !$0.value.isIdle } }
            guard accounts.count < Self.maxAccounts else { return shared }
            let made = CallerAccount(counts.counter(of: peer.certificateURI))
            accounts[peer.payer] = made
            return made
        }
    }
}
