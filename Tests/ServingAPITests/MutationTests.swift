// Damaged requests: thousands of seeded mutations of good ones. Each call is answered once, nothing traps, admission is
// given back, and what reaches a shard is within the bounds.

import ClusterModel
import GRPCFraming
import MeridianProtocol
import NIOCore
import NodeEnvironment
import Personalization
import Synchronization
import Testing

@testable import ServingAPI

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

@Suite struct MutationTests {
    private static func requests(_ fixture: ServingFixture) throws -> [(ServingMethod, ByteBuffer)] {
        let token = try ItemToken(contentID: "item:1", category: 9, language: "de").sealed(with: fixture.keyring)
        let session = Data(try fixture.session())
        var next = Meridian_V1_NextContentRequest()
        next.userID = ServingFixture.user
        next.context.language = "en"
        next.sessionToken = session
        let event = ReportTests.event(9) {
            $0.itemToken = Data(token)
            $0.slateID = Data(repeating: 1, count: 16)
        }
        let report = ReportTests.request([event, event]) { $0.sessionToken = session }
        var consent = Meridian_V1_SetConsentRequest()
        consent.userID = ServingFixture.user
        consent.granted = true
        consent.cancels = [Meridian_V1_EventID()]
        var publish = Meridian_V1_PublishRequest()
        publish.items = [CatalogTests.item("a"), CatalogTests.item("b")]
        return [
            (.nextContent, try next.encodedBuffer()), (.report, try report.encodedBuffer()),
            (.setConsent, try consent.encodedBuffer()), (.publish, try publish.encodedBuffer()),
            (.updateProfile, try ProfileTests.update().encodedBuffer()),
        ]
    }

    private static func mutated(_ bytes: [UInt8], using random: inout SeededGenerator) -> [UInt8] {
        var bytes = bytes
        for _ in 0...Int.random(in: 0..<4, using: &random) {
            let place = Int.random(in: 0...bytes.count, using: &random)
            switch Int.random(in: 0..<4, using: &random) {
            case 0 where place < bytes.count: bytes[place] ^= UInt8.random(in: 1...255, using: &random)
            case 1: bytes.insert(UInt8.random(in: 0...255, using: &random), at: place)
            case 2 where place < bytes.count: bytes.remove(at: place)
            default: bytes.removeSubrange(place...)
            }
        }
        return bytes
    }

    @Test(arguments: [1, 2, 3] as [UInt64])
    func everyDamagedRequestIsAnsweredOnce(seed: UInt64) throws {
        let fixture = try ServingFixture(seed: seed)
        var random = SeededGenerator(seed: seed)
        var refused = 0
        for _ in 0..<800 {
            for (method, bytes) in try Self.requests(fixture) {
                let damaged = Self.mutated(Array(buffer: bytes), using: &random)
                let token = try fixture.start(method, bytes: ByteBuffer(bytes: damaged))
                let ends = fixture.ends(of: token)
                #expect(ends.count == 1, "seed \(seed), \(method), \(damaged)")
                guard case .status(let status)? = ends.first else { continue }
                refused += 1
                #expect(
                    [.invalidArgument, .failedPrecondition, .unavailable].contains(status.code),
                    "seed \(seed): \(status), \(method), \(damaged)")
            }
        }
        #expect(refused > 800, "seed \(seed)")
        #expect(fixture.admission.callsInFlight == 0 && fixture.admission.bytesInFlight == 0)
        for (events, _, _, _) in fixture.shards.state.withLock({ $0.reported }) {
            for case .interaction(let event) in events.map(\.event) {
                #expect((1...128).contains(event.contentID.utf8.count), "seed \(seed)")
            }
        }
    }

    @Test func noiseIsRefused() throws {
        let fixture = try ServingFixture()
        var random = SeededGenerator(seed: 4)
        for _ in 0..<1_000 {
            let noise = (0..<Int.random(in: 1..<80, using: &random)).map { _ in
                UInt8.random(in: 0...255, using: &random)
            }
            for method in ServingMethod.allCases {
                let token = try fixture.start(method, bytes: ByteBuffer(bytes: noise))
                #expect(fixture.ends(of: token).count == 1, "seed 4, \(method), \(noise)")
            }
        }
        #expect(fixture.admission.callsInFlight == 0)
    }
}
