// The two alternating mark slots of an idle journal (S7): the file "marks", two sectors of 512 bytes.
//
// | bytes | field                                             |
// |-------|---------------------------------------------------|
// | 0-3   | magic "MRDM"                                      |
// | 4-7   | CRC32C over bytes 8-39                            |
// | 8-15  | journal id                                        |
// | 16-23 | sequence, from 1; the slot is sequence modulo 2   |
// | 24-31 | the last group known flushed                      |
// | 32-39 | 1 after a clean stop, otherwise 0                 |
// | 40-   | zeros                                             |
//
// The valid slot with the higher sequence counts. A torn write damages one slot; the other still holds the older mark.

import ClusterModel

struct Mark: Hashable, Sendable {
    var journal: UInt64
    var sequence: UInt64
    var group: UInt64
    var isClean: Bool

    static let slotLength = 512
    private static let magic: UInt32 = 0x4d44_524d  // "MRDM"
    private static let checkedEnd = 40

    var position: UInt64 { sequence % 2 * UInt64(Self.slotLength) }

    func encode() -> [UInt8] {
        var writer = ByteWriter(reservingCapacity: Self.slotLength)
        writer.write(Self.magic)
        writer.write(UInt32(0))
        for word in [journal, sequence, group, isClean ? 1 : 0] { writer.write(word) }
        writer.overwrite(writer.checksum(of: 8..<Self.checkedEnd), at: 4)
        writer.write(zeros: Self.slotLength - writer.count)
        return writer.bytes
    }

    /// The newer valid slot of the file's bytes; nil where none is valid.
    static func newest(in bytes: [UInt8]) -> Mark? {
        slots(in: bytes).compactMap(\.self).max { $0.sequence < $1.sequence }
    }

    /// Both slots in their order; nil where one does not verify.
    static func slots(in bytes: [UInt8]) -> [Mark?] { [0, slotLength].map { Mark(decoding: bytes, at: $0) } }

    private init?(decoding bytes: [UInt8], at start: Int) {
        guard bytes.count >= start + Self.slotLength else { return nil }
        var reader = ByteReader(bytes, in: start..<start + Self.checkedEnd)
        do {
            guard try reader.read(UInt32.self) == Self.magic,
                try reader.read(UInt32.self) == bytes.checksum(of: start + 8..<start + Self.checkedEnd)
            else { return nil }
            journal = try reader.read()
            sequence = try reader.read()
            group = try reader.read()
            isClean = try reader.read(UInt64.self) == 1
        } catch {
            return nil
        }
        guard max(sequence, group) <= JournalLimits.lastNumber else { return nil }
    }

    init(journal: UInt64, sequence: UInt64, group: UInt64, isClean: Bool) {
        self.journal = journal
        self.sequence = sequence
        self.group = group
        self.isClean = isClean
    }
}
