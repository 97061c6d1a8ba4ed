// S6: what of a shard's effects may be told, and in which order.

import ClusterModel
import MergeableState
import Testing

@testable import Personalization

@Suite struct EffectTailTests {
    private static let own = LogIdentity(
        name: LogName(region: RegionNumber(1), topic: .userEvents, partition: PartitionID(0)),
        incarnation: Incarnation(9))

    private static func item(_ region: UInt16, _ next: UInt64, bytes: Int = 100, hasEffect: Bool = true) -> EffectItem {
        let incarnation = region == 1 ? Incarnation(9) : Incarnation(4)
        let effect = Effect(
            key: MergeOrder(id: EventID(time: next, client: UInt64(region)), bodyDigest: 1),
            event: .erase(EraseEvent(user: UserKey(userID: "u"), cut: WallTime(milliseconds: 1))), stamp: .zero,
            partition: PartitionID(0), region: RegionNumber(region), incarnation: incarnation,
            offset: Offset(next - 1), bytes: bytes)
        return EffectItem(
            region: RegionNumber(region), incarnation: incarnation, next: Offset(next),
            effects: hasEffect ? [effect] : [])
    }

    private static func tail(ownNext: UInt64 = 0) -> EffectTail {
        EffectTail(own: own, at: EffectPosition(), ownNext: Offset(ownNext))
    }

    private static func told(_ steps: [EffectTail.Step]) -> [String] {
        steps.map { step in
            switch step {
            case .restart: "restart"
            case .item(let item): "\(item.region.rawValue):\(item.next.rawValue)x\(item.effects.count)"
            }
        }
    }

    /// The copy behind an own record that is not flushed waits with it, or a crash would lose the effect for its readers.
    @Test func otherRegionsWaitForOwnRecordsBeforeThem() {
        var tail = Self.tail()
        #expect(Self.told(tail.takeReady(flushed: .zero)) == ["restart"])
        var taken = tail.append(Self.item(1, 1))
        taken = tail.append(Self.item(2, 7)) && taken
        #expect(taken && tail.takeReady(flushed: .zero).isEmpty)
        #expect(Self.told(tail.takeReady(flushed: Offset(1))) == ["1:1x1", "2:7x1"])
    }

    @Test func ownRecordsStandTogetherAndTheFlushedPartGoesAhead() {
        var tail = Self.tail(ownNext: 2)
        #expect(tail.takeReady(flushed: Offset(1)).isEmpty, "what was applied before may still be lost")
        for next in 3...8 as ClosedRange<UInt64> { _ = tail.append(Self.item(1, next, hasEffect: next != 5)) }
        #expect(Self.told(tail.takeReady(flushed: Offset(4))) == ["restart", "1:4x2"])
        #expect(Self.told(tail.takeReady(flushed: Offset(8))) == ["1:8x3"])
    }

    /// Records that come and go all day long add up to nothing.
    @Test func whatWasToldIsNotCounted() {
        var tail = Self.tail()
        for next in 1...400_000 as ClosedRange<UInt64> {
            let isTaken = tail.append(Self.item(1, next))
            guard isTaken else {
                Issue.record("full at \(next)")
                return
            }
            _ = tail.takeReady(flushed: Offset(next - 1))
        }
    }

    @Test func aTailThatWaitsForTooMuchSaysSo() {
        var tail = Self.tail()
        let isTaken = tail.append(Self.item(1, 1, bytes: EffectTail.maxBytes))
        let isMoreTaken = tail.append(Self.item(1, 2))
        #expect(isTaken && !isMoreTaken)
    }
}
