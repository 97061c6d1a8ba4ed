// The acts of operators against a node's advice: the file "operator-GGGGGGGGGGGGGGGG.events" in the data directory, in two
// copies.
//
// | bytes | field                                                                                        |
// |-------|----------------------------------------------------------------------------------------------|
// | 0-3   | magic "MROE"                                                                                 |
// | 4-7   | CRC32C over bytes 8 to the end                                                               |
// | 8-11  | count, at most 32; then each, oldest first:                                                  |
// | 0     | act: 1 = forced evacuation                                                                   |
// | 1-8   | wall time, milliseconds since 1970                                                           |
// | 9-    | caller, reason (LEB128 length, UTF-8, at most 256 and 1,024 bytes)                           |

import ClusterModel
import Logging
import NodeEnvironment
package import OperatorAPI
import Synchronization

/// Keeps the newest `kept` events, over restarts. Read from any thread.
package final class OperatorJournal: Sendable {
    static let kept = 32

    private let copies: GenerationCopies
    private let logger: Logger
    private let guarded: Mutex<[OperatorEvent]>

    /// Reads the file: blocks on the disk. One that does not verify keeps no node from starting: it is said, and kept until
    /// the next event.
    init(directory: String, files: any FileStore, logger: Logger) {
        copies = GenerationCopies(
            GenerationFile("operator", suffix: ".events", in: directory, maxBytes: Self.maxBytes, files: files))
        self.logger = logger
        var events: [OperatorEvent] = []
        do {
            let loaded = try copies.load(Self.decode)
            events = loaded.newest?.value ?? []
            for refused in loaded.refused {
                logger.error("operators' acts of before cannot be read", metadata: ["reason": "\(refused)"])
            }
        } catch {
            logger.error("operators' acts of before cannot be read", metadata: ["reason": "\(error)"])
        }
        guarded = Mutex(events)
    }

    /// Oldest first.
    var events: [OperatorEvent] { guarded.withLock(\.self) }

    /// Logged and known at once; durable when it returns, unless the disk refuses, which is logged: the act itself must not
    /// depend on a disk that may be the reason for it. Blocks on the disk.
    func record(_ event: OperatorEvent) {
        logger.warning(
            "an operator went on against this node's advice",
            metadata: ["act": "\(event.act.word)", "caller": "\(event.caller)", "reason": "\(event.reason)"])
        let bytes = guarded.withLock { events in
            events = Array((events + [event]).suffix(Self.kept))
            return Self.encode(events)
        }
        do {
            try copies.save(bytes) { _ = try Self.decode($0) }
        } catch {
            logger.error("an operator's act is in this log only", metadata: ["reason": "\(error)"])
        }
    }

    // MARK: Bytes

    private static let magic: UInt32 = 0x454f_524d  // "MROE"
    private static let maxCallerBytes = 256
    private static let maxReasonBytes = 1_024
    private static let maxBytes = 12 + kept * (9 + 4 + maxCallerBytes + maxReasonBytes)

    /// The file's bytes; at most `kept` events.
    package static func encode(_ events: [OperatorEvent]) -> [UInt8] {
        var writer = ByteWriter(reservingCapacity: 256)
        writer.write(magic)
        writer.write(UInt32(0))
        writer.write(UInt32(clamping: events.count))
        for event in events {
            writer.write(event.act.rawValue)
            writer.write(event.at.milliseconds)
            writer.write(cut(event.caller, maxCallerBytes))
            writer.write(cut(event.reason, maxReasonBytes))
        }
        writer.overwrite(writer.checksum(of: 8..<writer.count), at: 4)
        return writer.bytes
    }

    /// Throws UnverifiedContent and ByteCodingError.
    package static func decode(_ bytes: [UInt8]) throws -> [OperatorEvent] {
        var reader = ByteReader(bytes)
        guard try reader.read(UInt32.self) == magic, bytes.count >= 12,
            try reader.read(UInt32.self) == bytes.checksum(of: 8..<bytes.count)
        else { throw UnverifiedContent("no operators' acts") }
        let count = try reader.read(UInt32.self)
        guard count <= kept else { throw UnverifiedContent("\(count) operators' acts") }
        var events: [OperatorEvent] = []
        for _ in 0..<count {
            let number = try reader.read(UInt8.self)
            guard let act = OperatorEvent.Act(rawValue: number) else { throw UnverifiedContent("act \(number)") }
            let time = WallTime(milliseconds: try reader.read())
            events.append(
                OperatorEvent(
                    act, at: time, caller: try reader.readString(limit: maxCallerBytes),
                    reason: try reader.readString(limit: maxReasonBytes)))
        }
        try reader.expectEnd()
        return events
    }

    private static func cut(_ text: String, _ limit: Int) -> String {
        var kept = text[...]
        while kept.utf8.count > limit { kept.removeLast() }
        return String(kept)
    }
}
