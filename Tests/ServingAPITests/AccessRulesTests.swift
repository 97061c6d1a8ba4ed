// Patterns, rules and the door: who may do what, and what those are told who may not.

import ClusterModel
import GRPCFraming
import NIOCore
import NodeEnvironment
import SimulatedEnvironment
import Synchronization
import Testing

@testable import ServingAPI

@Suite struct AccessRulesTests {
    // MARK: Patterns

    @Test(arguments: [
        ("a", "a", true), ("a", "b", false), ("*", "", true), ("*", "abc", true), ("*", "a/b", false),
        ("a*", "a", true), ("a*c", "abc", true), ("a*c", "ac", true), ("a*c", "abcd", false), ("*a*a*", "aa", true),
        ("*a*a*", "a", false), ("ab*ba", "aba", false), ("ab*ba", "abba", true), ("a*b*c", "axbxbc", true),
        ("m://d/client/app-*", "m://d/client/app-7", true), ("m://d/client/app-*", "m://d/client/app-7/x", false),
        ("m://d/client/*", "m://d/aws/n1", false), ("*/*", "a/b", true), ("*/*", "a", false), ("", "a", false),
    ])
    func aWildcardStandsForAnythingButASlash(pattern: String, name: String, matches: Bool) {
        guard let pattern = AccessPattern(pattern) else {
            #expect(!matches)
            return
        }
        #expect(pattern.matches(name) == matches, "\(pattern.text) \(name)")
    }

    @Test func patternsAreBounded() {
        #expect(AccessPattern(String(repeating: "a", count: AccessPattern.maxBytes)) != nil)
        #expect(AccessPattern(String(repeating: "a", count: AccessPattern.maxBytes + 1)) == nil)
        #expect(AccessPattern(String(repeating: "*", count: AccessPattern.maxWildcards)) != nil)
        #expect(AccessPattern(String(repeating: "*", count: AccessPattern.maxWildcards + 1)) == nil)
    }

    // MARK: Rules

    private static func rules() throws -> AccessRules {
        func patterns(_ texts: String...) throws -> [AccessPattern] {
            try texts.map { try #require(AccessPattern($0)) }
        }
        return AccessRules([
            AccessRule(identities: try patterns("meridian://shop/client/app-*"), roles: [.app]),
            AccessRule(
                identities: try patterns("meridian://shop/client/app-1"), roles: [.consumer],
                groups: try patterns("search-*"), topics: [.interactions]),
            AccessRule(
                identities: try patterns("meridian://shop/client/app-1"), roles: [.consumer],
                groups: try patterns("audit"), topics: [.erasures]),
        ])
    }

    private static func group(_ name: String, _ topic: EffectTopic) throws -> StreamGroup {
        try #require(StreamGroup(name: name, topic: topic))
    }

    @Test func rulesAddUpAndWhatNoneGrantsIsRefused() throws {
        let rules = try Self.rules()
        #expect(rules.grants(to: "meridian://shop/client/app-2").roles == [.app])
        #expect(rules.grants(to: "meridian://shop/client/app-1").roles == [.app, .consumer])
        for stranger in [nil, "", "meridian://other/client/app-2", "meridian://shop/aws/app-2", "app-2"] {
            #expect(rules.grants(to: stranger).roles.isEmpty)
        }
    }

    /// Groups of one rule do not go with topics of another.
    @Test func aConsumerIsOneOfItsRulesGroupsOnItsTopics() throws {
        let grants = try Self.rules().grants(to: "meridian://shop/client/app-1")
        #expect(grants.admits(try Self.group("search-a", .interactions)))
        #expect(grants.admits(try Self.group("audit", .erasures)))
        #expect(!grants.admits(try Self.group("search-a", .erasures)))
        #expect(!grants.admits(try Self.group("audit", .interactions)))
        #expect(AccessGrants.everything.admits(try Self.group("x", .profiles)))
        #expect(!AccessGrants().admits(try Self.group("x", .profiles)))
    }

    // MARK: The table

    /// Every rpc of the .proto files has a row, and no row stands for a method that is not.
    @Test func everyDeclaredMethodHasItsNeed() throws {
        let mesh = AccessTable.rows.filter { $0.need == .peerNode }.map(\.path)
        let alpha = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"
        #expect(Set(AccessTable.rows.map(\.path)) == (try MethodTests.declared()).union(mesh).union([alpha]))
        #expect(Set(AccessTable.rows.map(\.path)).count == AccessTable.rows.count)
    }

    @Test func methodsAreNamedAsPeopleDo() {
        #expect(AccessTable.rows(named: "Publish").map(\.path) == ["/meridian.v1.CatalogService/Publish"])
        #expect(AccessTable.rows(named: "CatalogService/Publish").count == 1)
        #expect(AccessTable.rows(named: "/meridian.v1.CatalogService/Publish").count == 1)
        #expect(AccessTable.rows(named: "Get").count == 2)
        #expect(AccessTable.rows(named: "ublish").isEmpty)
    }

    // MARK: The door

    /// Remembers calls that came in, with the bytes of their messages.
    private final class Inside: CallHandler {
        let methods = ["/meridian.v1.CatalogService/Publish", "/meridian.v1.Nobody/Knows"]
        let streamingMethods = ["/meridian.v1.StreamService/Subscribe"]
        let calls = Mutex(0)

        func handle(_ call: UnaryCall) {
            calls.withLock { $0 += 1 }
            call.succeed(ByteBuffer())
        }
    }

    private struct Stage {
        let stepped = SteppedEnvironment(seed: 1)
        let inside = Inside()
        let metrics = CountingFactory()
        let told = Told()
        let control: AccessControl
        let door: AccessDoor
        let responder = RecordingResponder()

        init(_ rules: AccessRules?) {
            control = AccessControl(
                rules, deploymentID: "shop", clock: stepped.environment.clock, metrics: metrics
            ) { [told] denial in told.denials.withLock { $0.append(denial) } }
            door = AccessDoor(inside, control)
        }

        func call(_ method: Int, as uri: String?, _ number: Int32 = 1) -> CallEnd? {
            let token = CallToken(stream: number, generation: UInt32(method))
            door.handle(
                UnaryCall(
                    // No protobuf: the door must not try to read it.
                    method: method, message: ByteBuffer(bytes: [0xff, 0xff]), metadata: CallMetadata(), deadline: nil,
                    peer: PeerIdentity(certificateURI: uri, address: "test"),
                    executor: stepped.environment.executors.loops[0], responder: responder, token: token))
            return responder.ends(of: token).last
        }
    }

    private final class Told: Sendable {
        let denials = Mutex<[AccessDenial]>([])
    }

    private static func publishers() throws -> AccessRules {
        AccessRules([
            AccessRule(
                identities: [try #require(AccessPattern("meridian://shop/client/cms"))], roles: [.publisher])
        ])
    }

    @Test func aRefusalNamesMethodAndRole() throws {
        let stage = Stage(try Self.publishers())
        guard case .reply = try #require(stage.call(0, as: "meridian://shop/client/cms")) else {
            Issue.record("refused")
            return
        }
        for uri in [nil, "meridian://shop/client/app", "meridian://other/client/cms"] {
            let failure = try Failure(try #require(stage.call(0, as: uri)))
            #expect(failure.code == .permissionDenied && failure.reason == "ROLE_REQUIRED")
            #expect(failure.message.contains("/meridian.v1.CatalogService/Publish needs publisher"))
            #expect(failure.message.contains(uri ?? "no certificate"))
            #expect(failure.metadata["role"] == "publisher")
        }
        #expect(stage.inside.calls.withLock { $0 } == 1)
        #expect(stage.metrics.value("meridian_refusals_total reason=ROLE_REQUIRED") == 3)
    }

    /// A method without a row is nobody's.
    @Test func aMethodThatTheTableLacksIsRefused() throws {
        let stage = Stage(try Self.publishers())
        let failure = try Failure(try #require(stage.call(1, as: "meridian://shop/client/cms")))
        #expect(failure.code == .permissionDenied)
    }

    @Test func withoutRulesEverythingIsOpen() throws {
        let stage = Stage(nil)
        #expect(stage.control.isOpen)
        guard case .reply = try #require(stage.call(0, as: nil)) else {
            Issue.record("refused")
            return
        }
    }

    @Test func newRulesCountAtOnce() throws {
        let stage = Stage(AccessRules())
        let cms = "meridian://shop/client/cms"
        #expect(try Failure(try #require(stage.call(0, as: cms, 1))).code == .permissionDenied)
        stage.control.replace(try Self.publishers())
        guard case .reply = try #require(stage.call(0, as: cms, 2)) else {
            Issue.record("still refused")
            return
        }
        stage.control.replace(AccessRules())
        #expect(try Failure(try #require(stage.call(0, as: cms, 3))).code == .permissionDenied)
    }

    /// A caller who is refused all day fills neither the log nor the metrics.
    @Test func denialsAreCountedAndToldWithinBounds() throws {
        let stage = Stage(AccessRules())
        for number in 0..<(AccessControl.maxCounted + 50) {
            _ = stage.call(0, as: "meridian://shop/client/c\(number)", Int32(number))
        }
        #expect(stage.told.denials.withLock { $0.count } == DenialLog.burst)
        let key = "meridian_access_denied_total"
        #expect(stage.metrics.value("\(key) client=client/c7 method=/meridian.v1.CatalogService/Publish") == 1)
        #expect(stage.metrics.value("\(key) client=other method=other") == 50)
        #expect(stage.metrics.keys.count { $0.hasPrefix(key) } == AccessControl.maxCounted + 1)
        stage.stepped.clock.advance(by: DenialLog.every)
        _ = stage.call(0, as: "meridian://shop/client/late", 10_000)
        let last = try #require(stage.told.denials.withLock { $0.last })
        #expect(last.identity == "meridian://shop/client/late" && last.need == "publisher" && last.has == "no role")
        #expect(last.untold == AccessControl.maxCounted + 50 - DenialLog.burst)
    }
}
