// The secrets behind tokens: made once, read again, refused when they are too short.

import ClusterModel
import NodeEnvironment
import SimulatedEnvironment
import Testing

@testable import MeridianNode

@Suite struct TokenKeyFilesTests {
    private func write(_ bytes: [UInt8], to path: String, _ files: SimulatedFileStore) throws {
        let file = try files.open(path, .createOrReplace)
        try file.write(bytes, at: 0)
        try file.synchronizeData()
    }

    @Test func aNodeWithoutKeysMakesOneAndKeepsIt() throws {
        let stepped = SteppedEnvironment(seed: 1)
        let keys = TokenKeyFiles(files: stepped.files)
        let environment = stepped.environment
        let first = try keys.keyring([], directory: "data", entropy: environment.entropy)
        let second = try keys.keyring([], directory: "data", entropy: environment.entropy)
        #expect(first.signingID == TokenKeyFiles.ownKeyID)
        let token = ItemToken(contentID: "c", category: 3, language: "en")
        #expect(try ItemToken(opening: token.sealed(with: first), with: second) == token)
    }

    @Test func theLastConfiguredKeySigns() throws {
        let stepped = SteppedEnvironment(seed: 2)
        try write([UInt8](repeating: 1, count: 32), to: "one", stepped.files)
        try write([UInt8](repeating: 2, count: 32), to: "two", stepped.files)
        let keyring = try TokenKeyFiles(files: stepped.files).keyring(
            [.init(id: 4, file: "one"), .init(id: 9, file: "two")], directory: "data",
            entropy: stepped.environment.entropy)
        #expect(keyring.signingID == 9)
        #expect(keyring.ids == [4, 9])
    }

    @Test func shortAndMissingKeysAreRefusedWithTheirPath() throws {
        let stepped = SteppedEnvironment(seed: 3)
        try write([UInt8](repeating: 1, count: 31), to: "short", stepped.files)
        for path in ["short", "missing"] {
            let error = #expect(throws: NodeError.self) {
                try TokenKeyFiles(files: stepped.files).keyring(
                    [.init(id: 1, file: path)], directory: "data", entropy: stepped.environment.entropy)
            }
            #expect(error?.code == .badKey)
            #expect(error?.message.contains(path) == true)
        }
    }
}
