// Who has a place at a listener, and who makes room: step by step.

import NodeEnvironment
import Testing

@testable import RPCTransport

@Suite struct ConnectionPlacesTests {
    private func places(_ limit: Int, waiting: Int = 2, share: Int? = nil) -> ConnectionPlaces {
        ConnectionPlaces(limit: limit, waiting: waiting, share: share ?? limit)
    }

    /// A silent flood holds no place that somebody else wants, however fast it is.
    @Test func theOldestThatHasNotIntroducedItselfMakesRoom() {
        var places = places(2, waiting: 2)
        for number in 1...4 { #expect(places.enter(UInt64(number), from: "a") == .admitted) }
        #expect(places.isContended)
        #expect(places.enter(5, from: "a") == .instead(of: 1))
        #expect(places.enter(6, from: "a") == .instead(of: 2))
        #expect(places.settle(6, as: .peer, payer: "eu") == .settled, "a peer that comes is let in")
        #expect(places.settle(1, as: .peer, payer: "eu") == .refused, "it was told to go")
    }

    /// Descriptors are bounded: those who were told to go have to be gone before more of them are.
    @Test func whoWasToldToGoCountsUntilItIsGone() {
        var places = places(2, waiting: 2)
        let most = UInt64(4 + ConnectionPlaces.leastLeaving)
        for number in 1...most { #expect(places.enter(number, from: "a") != .refused) }
        #expect(places.enter(most + 1, from: "a") == .refused)
        places.remove(1)
        #expect(places.enter(most + 2, from: "a") != .refused)
    }

    @Test func whoHasIntroducedItselfNeverMakesRoom() {
        var places = places(2, waiting: 1)
        for number: UInt64 in 1...2 {
            #expect(places.enter(number, from: "a") == .admitted)
            #expect(places.settle(number, as: .client, payer: "c\(number)") == .settled)
        }
        for number: UInt64 in 3...4 { _ = places.enter(number, from: "b") }
        #expect(places.settled == 2 && places.waiting == 1)
        #expect(places.settle(4, as: .client, payer: "c4") == .refused, "the configured limit holds")
        places.remove(4)
        places.remove(1)
        #expect(places.enter(5, from: "b") == .admitted)
        #expect(places.settle(5, as: .client, payer: "c5") == .settled)
    }

    @Test func theAddressWithTheMostMakesRoomFirst() {
        var places = places(3, waiting: 1)
        #expect(places.enter(1, from: "phone") == .admitted)
        for number: UInt64 in 2...4 { #expect(places.enter(number, from: "flood") == .admitted) }
        #expect(places.enter(5, from: "flood") == .instead(of: 2))
        places.remove(2)
        #expect(places.enter(6, from: "other") == .instead(of: 3))
        #expect(places.settle(1, as: .client, payer: "p") == .settled)
    }

    /// One certificate cannot take every place of a node, and a peer region is bounded by no share.
    @Test func oneClientHasItsShareOnly() {
        var places = places(8, waiting: 0, share: 2)
        for number: UInt64 in 1...6 { _ = places.enter(number, from: "a") }
        #expect(places.settle(1, as: .client, payer: "x") == .settled)
        #expect(places.settle(2, as: .client, payer: "x") == .settled)
        #expect(places.settle(3, as: .client, payer: "x") == .refused)
        #expect(places.settle(4, as: .client, payer: "y") == .settled)
        #expect(places.settle(5, as: .peer, payer: "x") == .settled)
        places.remove(1)
        #expect(places.settle(6, as: .client, payer: "x") == .settled)
    }

    /// A client of the deployment at the mesh's port.
    @Test func guestsShareFewPlacesAndTakeNobodys() {
        var places = places(4, waiting: 100)
        for number in 1...UInt64(ConnectionPlaces.maxGuests) {
            _ = places.enter(number, from: "a")
            #expect(places.settle(number, as: .guest, payer: "app") == .settled)
        }
        #expect(places.enter(90, from: "a") == .admitted)
        #expect(places.settle(90, as: .guest, payer: "app") == .insteadOfGuest(1))
        #expect(places.settled == 0)
        for number: UInt64 in 91...94 {
            #expect(places.enter(number, from: "b") == .admitted)
            #expect(places.settle(number, as: .peer, payer: "eu") == .settled)
        }
    }
}
