// What the files of seals and of the lineage begin with.
//
// | bytes | field                            |
// |-------|----------------------------------|
// | 0-3   | magic                            |
// | 4-7   | CRC32C over everything below     |
// | 8-9   | version, 1                       |
// | 10-   | the book, to the end of the file |

import ClusterModel

/// Of one kind of book.
struct BookFrame: Hashable, Sendable {
    let magic: UInt32

    private static let version: UInt16 = 1
    private static let headLength = 10

    func encode(reservingCapacity capacity: Int, _ book: (inout ByteWriter) -> Void) -> [UInt8] {
        var writer = ByteWriter(reservingCapacity: Self.headLength + capacity)
        writer.write(magic)
        writer.write(UInt32(0))
        writer.write(Self.version)
        book(&writer)
        writer.overwrite(writer.checksum(of: 8..<writer.count), at: 4)
        return writer.bytes
    }

    /// Nil for bytes that do not verify, and where `book` does not read them to their end.
    func decode<Book>(_ bytes: [UInt8], _ book: (inout ByteReader) throws(ByteCodingError) -> Book?) -> Book? {
        var reader = ByteReader(bytes)
        do {
            guard bytes.count >= Self.headLength, try reader.read(UInt32.self) == magic,
                try reader.read(UInt32.self) == bytes.checksum(of: 8..<bytes.count),
                try reader.read(UInt16.self) == Self.version, let book = try book(&reader)
            else { return nil }
            try reader.expectEnd()
            return book
        } catch {
            return nil
        }
    }
}
