// Small files for the parsers.

import Glibc
import HostEnvironment
import NodeEnvironment

/// A directory of its own that goes with the value.
final class DataFiles: Sendable {
    let directory: String
    let store = HostFileStore()

    init() throws {
        directory = "/tmp/meridian-datasets-\(HostEntropy().next())"
        try store.createDirectory(directory)
    }

    deinit {
        for name in (try? store.list(directory)) ?? [] { try? store.remove("\(directory)/\(name)") }
        rmdir(directory)
    }

    func write(_ name: String, _ text: String) throws -> String {
        let path = "\(directory)/\(name)"
        let file = try store.open(path, .createOrReplace)
        try file.write(Array(text.utf8), at: 0)
        file.close()
        return path
    }
}
