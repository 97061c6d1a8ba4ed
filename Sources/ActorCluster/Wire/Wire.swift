// Our own serialization of arguments and results: canonical bytes, one encoding a value, no names and no reflection.

package import ClusterModel

/// A value that travels between actors. Its encoding says where it ends; decoding refuses everything that encoding does
/// not produce, and checks every length before it allocates.
package protocol Wire: Sendable {
    func encode(into writer: inout ByteWriter)

    init(from reader: inout ByteReader) throws(ByteCodingError)
}

/// The bounds of values without a bound of their own. Frames bound the whole (`ActorClusterLimits.frameBytes`).
package enum WireLimits {
    /// UTF-8 bytes of a string.
    package static let stringBytes = 64 << 10
    /// Elements of an array; for arrays of bytes, bytes.
    package static let arrayElements = 1 << 20
}
