// Why bytes are not a batch.

/// The first check that failed, in the order of the validity rules.
package enum BatchError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Fewer bytes than the header, or than the header says; the number that is there.
    case truncated(Int)
    case badMagic
    case badHeaderCRC
    case unsupportedFormat(UInt8)
    case unsupportedCodec(UInt8)
    case reservedNotZero
    case countOutOfRange(UInt32)
    case bodyTooLong(UInt32)
    case malformedHeader
    case badBodyCRC
    case badCompression
    /// A record does not parse, or the records are not those that the header announces.
    case malformedRecords(String)
    /// More or larger records than a batch may hold; our caller's bug.
    case tooLarge

    package var description: String {
        switch self {
        case .truncated(let count): "only \(count) bytes are there"
        case .badMagic: "no batch starts here"
        case .badHeaderCRC: "header checksum does not match"
        case .unsupportedFormat(let format): "format \(format) is newer than this reader"
        case .unsupportedCodec(let codec): "codec \(codec) is not known"
        case .reservedNotZero: "reserved bytes are not zero"
        case .countOutOfRange(let count): "\(count) records are outside 1 to \(BatchHeader.maxRecords)"
        case .bodyTooLong(let length): "body of \(length) bytes is above \(BatchHeader.maxBodyLength)"
        case .malformedHeader: "header fields contradict each other"
        case .badBodyCRC: "body checksum does not match"
        case .badCompression: "body does not decompress to its raw length"
        case .malformedRecords(let reason): "records are malformed: \(reason)"
        case .tooLarge: "records do not fit a batch"
        }
    }
}
