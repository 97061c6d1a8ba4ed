// What a client was promised, on its own disk, so that a checker can compare later.
//
// A text file, append-only: one acknowledged event a line (Acknowledgement.line, all of one length). The line is written
// after the acknowledgement arrived. A last line without its end is a line that was never finished.

package import NodeEnvironment

/// The writer. One owner at a time; blocks on the disk's cache only.
package final class AcknowledgementFile: Sendable {
    /// A file of this many lines has 2.7 GB; a replay stops with an error there.
    package static let maxLines: UInt64 = 32 << 20
    private static let lineLength = Acknowledgement.lineLength

    private let file: any StoredFile
    private let path: String

    /// Empties an acknowledgement file that is there, and refuses any other: a slip in its path must not cost a file.
    package init(creating path: String, files: any FileStore) throws(OperatorFailure) {
        self.path = path
        try Self.checkReplaceable(path, files)
        do {
            file = try files.open(path, .createOrReplace)
        } catch {
            throw OperatorFailure(.usage, "\(error)", nextStep: "give --ack-file a path that can be written")
        }
    }

    private static func checkReplaceable(_ path: String, _ files: any FileStore) throws(OperatorFailure) {
        guard files.exists(path) else { return }
        let first: [UInt8]
        do {
            let file = try files.open(path, .read)
            defer { file.close() }
            first = try file.read(at: 0, count: lineLength)
        } catch {
            throw OperatorFailure(.usage, "\(error)", nextStep: "give --ack-file a path that can be written")
        }
        let line = String(decoding: first.dropLast(), as: UTF8.self)
        guard first.isEmpty || Acknowledgement(line: line[...]) != nil else {
            throw OperatorFailure(
                .refused, "\(path) is there and is no acknowledgement file",
                nextStep: "give --ack-file another path, or move the file away")
        }
    }

    /// Appends after the `count` lines that are there.
    package func append(_ acknowledged: [Acknowledgement], after count: UInt64) throws(OperatorFailure) {
        guard count + UInt64(acknowledged.count) <= Self.maxLines else {
            throw OperatorFailure(
                .refused, "\(path) holds its limit of \(Self.maxLines) lines", nextStep: "replay for less time")
        }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(acknowledged.count * Self.lineLength)
        for acknowledgement in acknowledged { bytes += acknowledgement.line.utf8 }
        do {
            try file.write(bytes, at: count * UInt64(Self.lineLength))
        } catch {
            throw OperatorFailure(.usage, "\(error)", nextStep: "free space for the acknowledgement file")
        }
    }

    package func close() { file.close() }

    /// Reads a file in its order, also while it is being written. Refuses a line that is none, with its number. Blocks
    /// on the disk.
    package static func read(_ path: String, files: any FileStore) throws(OperatorFailure) -> [Acknowledgement] {
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

    private static func parse(_ path: String, file: any StoredFile, length: UInt64) throws -> [Acknowledgement] {
        let lines = length / UInt64(lineLength)
        guard lines <= maxLines else { throw OperatorFailure(.usage, "\(path) has more than \(maxLines) lines") }
        var acknowledged: [Acknowledgement] = []
        acknowledged.reserveCapacity(Int(lines))
        let step = UInt64(8_192)
        var line: UInt64 = 0
        while line < lines {
            let count = Int(min(step, lines - line)) * lineLength
            let bytes = try file.read(at: line * UInt64(lineLength), count: count)
            for start in stride(from: 0, to: bytes.count - lineLength + 1, by: lineLength) {
                line += 1
                let text = String(decoding: bytes[start..<start + lineLength - 1], as: UTF8.self)
                guard let acknowledgement = Acknowledgement(line: text[...]) else {
                    throw OperatorFailure(.usage, "\(path):\(line): not an acknowledgement")
                }
                acknowledged.append(acknowledgement)
            }
            guard bytes.count == count else {
                throw OperatorFailure(.usage, "\(path) became shorter while it was read")
            }
        }
        return acknowledged
    }
}
