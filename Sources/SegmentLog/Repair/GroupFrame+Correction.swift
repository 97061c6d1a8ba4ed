// A frame in which one bit is wrong: CRC32C tells which, since every other one gives another checksum (Koopman 2002: any two
// frames of this length differ in at least four bits).

extension GroupFrame {
    /// Frame and table that are tried; a longer one is not corrected.
    static let longestCorrected = 8 << 10

    /// The frame that differs in one bit from what `bytes` begin with, its bytes, and the length of its group. Nil where there
    /// is none that `isRight` takes, which looks at everything that is known beside the checksum. Complexity: O(bytes^2).
    static func correcting(
        _ bytes: ArraySlice<UInt8>, _ isRight: (GroupFrame, _ groupLength: Int) -> Bool
    ) -> (frame: GroupFrame, bytes: [UInt8], length: Int)? {
        guard bytes.count >= headerLength else { return nil }
        var tried = Array(bytes)
        func frame() -> (frame: GroupFrame, bytes: [UInt8], length: Int)? {
            guard let prefix = prefix(tried[...]), headerLength + prefix.tableLength <= tried.count,
                let frame = GroupFrame(decoding: tried[...], prefix: prefix), isRight(frame, prefix.groupLength)
            else { return nil }
            return (frame, Array(tried.prefix(headerLength + prefix.tableLength)), prefix.groupLength)
        }
        // Where the fixed part is sound it says how long the table is; otherwise the wrong bit is in it.
        let table = prefix(bytes)?.tableLength ?? 0
        for byte in 0..<min(headerLength + table, bytes.count) {
            for bit in 0..<8 as Range<UInt8> {
                tried[byte] ^= 1 << bit
                if let found = frame() { return found }
                tried[byte] ^= 1 << bit
            }
        }
        return nil
    }
}
