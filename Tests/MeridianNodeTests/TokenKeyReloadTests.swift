// C18: keys of tokens are read again without a restart, and what cannot be read changes nothing.

import ClusterModel
import Logging
import NodeEnvironment
import SimulatedEnvironment
import Testing

@testable import MeridianNode

@Suite struct TokenKeyReloadTests {
    private let stepped = SteppedEnvironment(seed: 18)
    private let reload: TokenKeyReload
    private let keys: TokenKeys

    init() throws {
        for (number, path) in [(UInt8(1), "one"), (2, "two")] {
            let file = try stepped.files.open(path, .createOrReplace)
            try file.write([UInt8](repeating: number, count: 32), at: 0)
            try file.synchronizeData()
        }
        reload = TokenKeyReload(
            files: stepped.files, directory: "data", entropy: stepped.environment.entropy,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        keys = TokenKeys(try reload.read([.init(id: 1, file: "one")]))
        reload.onStarted(keys, nil)
    }

    private func token() throws -> [UInt8] {
        try ItemToken(contentID: "c", category: 3, language: "en").sealed(with: keys.ring)
    }

    @Test func aKeyThatWasAddedSignsAndTheOldOneStillVerifies() async throws {
        let before = try token()
        await reload([.init(id: 1, file: "one"), .init(id: 2, file: "two")])
        #expect(keys.ring.signingID == 2 && keys.ring.ids == [1, 2])
        #expect(try ItemToken(opening: before, with: keys.ring).contentID == "c")
        let after = try token()
        await reload([.init(id: 2, file: "two")])
        #expect(try ItemToken(opening: after, with: keys.ring).contentID == "c")
        #expect(throws: TokenError.self) { try ItemToken(opening: before, with: keys.ring) }
    }

    @Test func whatCannotBeReadReplacesNothing() async throws {
        let before = keys.ring.fingerprints
        await reload([.init(id: 1, file: "one"), .init(id: 9, file: "missing")])
        #expect(keys.ring.fingerprints == before)
    }

    @Test func aNodeThatHasEndedIsLeftAlone() async throws {
        let before = keys.ring.fingerprints
        reload.onEnded()
        await reload([.init(id: 2, file: "two")])
        #expect(keys.ring.fingerprints == before)
    }
}
