// What a client was promised, on its own disk, so that a checker can compare later.
//
// A text file, append-only: one acknowledged event id a line, "<16 hex>-<16 hex>\n" (34 bytes). The line is written
// after the acknowledgement arrived. A last line without its end is a line that was never finished: not an id.

package import ClusterModel
package import NodeEnvironment

/// The writer. One owner at a time; blocks on the disk's cache only.
package final class AcknowledgementFile: Sendable {
    /// A file of this many ids has 1.1 GB; a replay stops with an error there.
    package static let maxIDs: UInt64 = 32 << 20
    static let lineLength = 34

    private let file: any StoredFile
    private let path: String

    /// Empties the file when it is there.
    package init(creating path: String, files: any FileStore) throws(OperatorFailure) {
        self.path = path
        do {
            file = try files.open(path, .createOrReplace)
        } catch {
            throw OperatorFailure(.usage, "\(error)", nextStep: "give --ack-file a path that can be written")
        }
    }

    /// Appends `ids` after the `count` ids that are there.
    package func append(_ ids: [EventID], after count: UInt64) throws(OperatorFailure) {
        guard count + UInt64(ids.count) <= Self.maxIDs else {
            throw OperatorFailure(
                .refused, "\(path) holds its limit of \(Self.maxIDs) ids", nextStep: "replay for less time")
        }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(ids.count * Self.lineLength)
        for id in ids {
            bytes += id.description.utf8
            bytes.append(UInt8(ascii: "\n"))
        }
        do {
            try file.write(bytes, at: count * UInt64(Self.lineLength))
        } catch {
            throw OperatorFailure(.usage, "\(error)", nextStep: "free space for the acknowledgement file")
        }
    }

    package func close() { file.close() }

    /// Reads the ids of a file, in its order. Refuses a line that is not an id, with its number. Blocks on the disk.
    package static func read(_ path: String, files: any FileStore) throws(OperatorFailure) -> [EventID] {
        do {
            let file = try files.open(path, .read)
            defer { file.close() }
            return try parse(path, file: file, length: try file.length())
        } catch let failure as OperatorFailure {
            throw failure
        } catch {
            throw OperatorFailure(.usage, "\(error)", nextStep: "give the file that replay --ack-file wrote")
        }
    }

    private static func parse(_ path: String, file: any StoredFile, length: UInt64) throws -> [EventID] {
        let lines = length / UInt64(lineLength)
        guard lines <= maxIDs else { throw OperatorFailure(.usage, "\(path) has more than \(maxIDs) ids") }
        var ids: [EventID] = []
        ids.reserveCapacity(Int(lines))
        let step = UInt64(8_192)
        var line: UInt64 = 0
        while line < lines {
            let count = Int(min(step, lines - line)) * lineLength
            let bytes = try file.read(at: line * UInt64(lineLength), count: count)
            for start in stride(from: 0, to: bytes.count - lineLength + 1, by: lineLength) {
                line += 1
                guard let id = EventID(String(decoding: bytes[start..<start + lineLength - 1], as: UTF8.self)) else {
                    throw OperatorFailure(.usage, "\(path):\(line): not an event id")
                }
                ids.append(id)
            }
            guard bytes.count == count else {
                throw OperatorFailure(.usage, "\(path) became shorter while it was read")
            }
        }
        return ids
    }
}
