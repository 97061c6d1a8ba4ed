// Cursors of consumers, sealed (S13): deployment hash u64, topic u16, then the cursor (StreamCursor), in SealedToken's
// envelope.

import ClusterModel
import Personalization

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// Opens the cursors that come in and makes those that go out.
struct StreamTokens: Sendable {
    private let keys: TokenKeys
    private let deployment: UInt64

    init(keys: TokenKeys, deploymentID: String) {
        self.keys = keys
        deployment = SessionToken.deploymentHash(of: deploymentID)
    }

    /// A cursor of this deployment; partitions beyond `partitions` are refused with it.
    func open(_ bytes: Data, partitions: PartitionCount) throws(TokenError) -> StreamCursor {
        var reader = try SealedToken.open(.cursor, Array(bytes), with: keys.ring)
        let (deployment, topic, cursor) = try SealedToken.reading { () throws(ByteCodingError) in
            (try reader.read(UInt64.self), TopicID(try reader.read()), try StreamCursor(from: &reader))
        }
        guard deployment == self.deployment else { throw .foreignDeployment }
        guard topic == .userEvents, cursor.positions.keys.allSatisfy({ $0.rawValue < UInt32(partitions.rawValue) })
        else { throw .foreignPartition }
        return cursor
    }

    /// Nil for a cursor that is longer than a token may be.
    func seal(_ cursor: StreamCursor) -> [UInt8]? {
        SealedToken.seal(.cursor, with: keys.ring, capacity: 64 + 24 * cursor.positions.count) { writer in
            writer.write(deployment)
            writer.write(TopicID.userEvents.rawValue)
            cursor.encode(into: &writer)
        }
    }
}
