// What clients were promised, on their disk and against what regions hold (S6, S11).

import ClusterModel
import NodeEnvironment
import SimulatedEnvironment
import Testing

@testable import OperatorCommands

@Suite struct AcknowledgementTests {
    static func place(_ region: UInt16, _ offset: UInt64, incarnation: UInt64 = 7) -> Acknowledgement.Place {
        Acknowledgement.Place(
            region: RegionNumber(region), partition: PartitionID(3), incarnation: Incarnation(incarnation),
            offset: Offset(offset))
    }

    static func id(_ number: UInt64) -> EventID { EventID(time: number, client: 9) }

    @Test func linesComeBackAsTheyWere() throws {
        let all = [
            Acknowledgement(id: Self.id(1), promise: .local, place: Self.place(1, .max, incarnation: .max)),
            Acknowledgement(id: Self.id(2), promise: .remote(2), place: Self.place(65_535, 0)),
            Acknowledgement(id: Self.id(3), promise: .remote(1)), Acknowledgement(id: Self.id(.max)),
        ]
        for acknowledgement in all {
            #expect(acknowledgement.line.utf8.count == Acknowledgement.lineLength)
            #expect(Acknowledgement(line: acknowledgement.line.dropLast()) == acknowledgement)
        }
        let files = SteppedEnvironment(seed: 1).files
        let file = try AcknowledgementFile(creating: "acks", files: files)
        try file.append(Array(all[..<2]), after: 0)
        try file.append(Array(all[2...]), after: 2)
        #expect(try AcknowledgementFile.read("acks", files: files) == all)
    }

    /// FAULTS 3.11: a slip in --ack-file must not cost a file.
    @Test func aFileOfAnotherKindIsNotEmptied() throws {
        let files = SteppedEnvironment(seed: 1).files
        let other = try files.open("node.yaml", .createNew)
        try other.write(Array("deployment: {id: shop}\n".utf8), at: 0)
        let failure = #expect(throws: OperatorFailure.self) {
            try AcknowledgementFile(creating: "node.yaml", files: files)
        }
        #expect(failure?.status == .refused && failure?.nextStep.isEmpty == false)
        #expect(try other.length() > 0)
        let own = try AcknowledgementFile(creating: "acks", files: files)
        try own.append([Acknowledgement(id: Self.id(1))], after: 0)
        own.close()
        _ = try AcknowledgementFile(creating: "acks", files: files)
        #expect(try AcknowledgementFile.read("acks", files: files).isEmpty)
    }

    @Test(arguments: ["", "x", "\(id(1)) 0 0001", "\(id(1)) -1 ---- ---- - -", "\(id(1)) 0 zzzz 0003 7 8"])
    func otherLinesAreRefused(line: String) {
        #expect(Acknowledgement(line: line[...]) == nil)
    }

    @Test func s11TheRecoveryPointCountsWhatSurvivorsLack() {
        let (first, second) = (Self.place(1, 0).log, Self.place(2, 0).log)
        let survivors = HeldPositions([first: Offset(5)]).union(HeldPositions([first: Offset(3), second: Offset(1)]))
        let acknowledged = [
            Acknowledgement(id: Self.id(1), place: Self.place(1, 4)),
            Acknowledgement(id: Self.id(2), place: Self.place(1, 5)),
            Acknowledgement(id: Self.id(3), promise: .remote(1), place: Self.place(1, 4)),
            Acknowledgement(id: Self.id(4), promise: .remote(1), place: Self.place(1, 6)),
            // Of another region, and known already: not the victim's promises.
            Acknowledgement(id: Self.id(5), place: Self.place(2, 9)), Acknowledgement(id: Self.id(6)),
            // Another incarnation is another log.
            Acknowledgement(id: Self.id(7), place: Self.place(1, 0, incarnation: 8)),
        ]
        var point = RecoveryPoint(of: RegionNumber(1), acknowledged, survivors: survivors)
        #expect(point.local == [Self.id(2), Self.id(7)])
        #expect(point.remote == [Self.id(4)])
        point.formUnion(RecoveryPoint(of: RegionNumber(2), acknowledged, survivors: survivors))
        #expect(point.local == [Self.id(2), Self.id(5), Self.id(7)])
    }

    @Test func whatOneHoldsTheOtherMayLack() {
        let (first, second) = (Self.place(1, 0).log, Self.place(2, 0).log)
        let all = HeldPositions([first: Offset(5), second: Offset(1)])
        #expect(all.covers(HeldPositions([first: Offset(5)])))
        #expect(!HeldPositions([first: Offset(5)]).covers(all))
        #expect(!HeldPositions([first: Offset(4), second: Offset(1)]).covers(all))
        #expect(HeldPositions().covers(HeldPositions([first: .zero])))
        #expect(all.without([RegionNumber(2)]) == HeldPositions([first: Offset(5)]))
    }
}
