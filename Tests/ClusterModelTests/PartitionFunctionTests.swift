// Golden vectors of the partition function: other languages are checked against the same numbers.

import ClusterModel
import Testing

@Suite struct PartitionFunctionTests {
    /// (user id, partition of 64, partition of 4096), computed apart with another SHA-256.
    private static let golden: [(id: String, of64: UInt32, of4096: UInt32)] = [
        ("42", 28, 1844),
        ("alice", 10, 701),
        ("", 56, 3643),
        ("ünïcode-Ω", 32, 2056),
        (String(repeating: "a", count: 128), 26, 1667),
    ]

    @Test func goldenVectors() throws {
        let most = try #require(PartitionCount(4_096))
        for vector in Self.golden {
            let key = UserKey(userID: vector.id)
            #expect(key.partition(of: .standard) == PartitionID(vector.of64), "\(vector.id)")
            #expect(key.partition(of: most) == PartitionID(vector.of4096), "\(vector.id)")
        }
    }

    @Test func countsArePowersOfTwo() throws {
        for bad in [-1, 0, 3, 63, 4_097, 8_192] { #expect(PartitionCount(bad) == nil) }
        let one = try #require(PartitionCount(1))
        #expect(UserKey(userID: "anyone").partition(of: one) == PartitionID(0))
        #expect(PartitionCount.standard.all.count == 64)
    }

    @Test func usersSpread() {
        var counts = [Int](repeating: 0, count: 64)
        for index in 0..<64_000 { counts[Int(UserKey(userID: "user-\(index)").partition(of: .standard).rawValue)] += 1 }
        #expect(counts.allSatisfy { (800...1_200).contains($0) })
    }
}
