// The transport's pure state machines, event by event.

import ClusterModel
import GRPCFraming
import HTTP2Engine
import NIOCore
import NodeEnvironment
import Testing

@testable import RPCTransport

@Suite struct StateMachineTests {
    private let methods = MethodTable(["/a.B/C"])

    private func instant(_ milliseconds: UInt64) -> BootInstant { BootInstant(nanoseconds: milliseconds * 1_000_000) }

    // MARK: A call on the server

    private func openedCall(limit: Int = 100, path: String = "/a.B/C") -> (ServerCall, ServerCall.Directive) {
        var call = ServerCall(maxMessageBytes: limit)
        call.onOpened(generation: 7, maxMessageBytes: limit)
        for (name, value) in [(":method", "POST"), (":path", path), ("content-type", "application/grpc")] {
            call.onHeader(Array(name.utf8).span, Array(value.utf8).span, methods: methods)
        }
        let directive = call.onHeadersEnd(isTruncated: false)
        return (call, directive)
    }

    private func code(_ directive: ServerCall.Directive) -> RPCStatusCode? {
        if case .refuse(let status) = directive { status.code } else { nil }
    }

    @Test func aCallIsHandedOverAtItsEnd() {
        var (call, directive) = openedCall()
        #expect(directive == .none && call.phase == .body(method: 0) && call.generation == 7)
        #expect(call.onData([0, 0, 0].span) == .none)
        #expect(call.onData([0, 2, 8, 9].span) == .none)
        #expect(call.bufferedBytes == 2)
        #expect(call.onEnd() == .handOver(method: 0))
        #expect(call.message == ByteBuffer(bytes: [8, 9]) && call.phase == .running && call.bufferedBytes == 0)
        call.onAnswered(unsentBytes: 5)
        #expect(call.phase == .answered && call.unsentBytes == 5)
        call.onClosed()
        #expect(call.phase == .idle && call.unsentBytes == 0)
    }

    @Test func badBodiesAreRefused() {
        #expect(code(openedCall(path: "/a.B/X").1) == .unimplemented)
        var call = openedCall().0
        #expect(code(call.onEnd()) == .internal)
        call = openedCall().0
        #expect(call.onData([0, 0, 0, 0, 1].span) == .none)
        #expect(code(call.onEnd()) == .internal)
        call = openedCall().0
        #expect(code(call.onData([0, 0, 0, 0, 1, 5, 0].span)) == .internal)
        call = openedCall(limit: 3).0
        #expect(code(call.onData([0, 0, 0, 0, 4].span)) == .resourceExhausted)
        call = openedCall().0
        #expect(code(call.onData([1, 0, 0, 0, 4].span)) == .internal)
    }

    @Test func afterAnAnswerNothingHappens() {
        var call = openedCall().0
        call.onAnswered(unsentBytes: 0)
        #expect(call.onData([9, 9, 9].span) == .none && call.onEnd() == .none)
        #expect(call.onHeadersEnd(isTruncated: true) == .none)
    }

    // MARK: A call on the client

    private func answered(_ fields: [(String, String)], _ body: [UInt8]) -> ClientCallState.Outcome {
        var call = ClientCallState(maxMessageBytes: 10)
        for (name, value) in fields { call.onHeader(Array(name.utf8).span, Array(value.utf8).span) }
        if let failure = call.onHeadersEnd(isTruncated: false) { return .failure(failure) }
        return call.onData(body.span).map { .failure($0) } ?? call.onEnd()
    }

    private func code(_ outcome: ClientCallState.Outcome) -> RPCStatusCode {
        if case .failure(let status) = outcome { status.code } else { .ok }
    }

    @Test func answersHaveTheirOutcomes() {
        let good = [(":status", "200"), ("content-type", "application/grpc"), ("grpc-status", "0")]
        #expect(code(answered(good, [0, 0, 0, 0, 1, 5])) == .ok)
        #expect(code(answered(good, [])) == .internal)
        #expect(code(answered(good, [0, 0, 0, 0, 0, 0])) == .internal)
        #expect(code(answered(good, [0, 0, 0, 0, 11])) == .resourceExhausted)
        #expect(code(answered([(":status", "503")], [])) == .unavailable)
        #expect(code(answered(Array(good.dropLast()), [0, 0, 0, 0, 0])) == .internal)
        var call = ClientCallState(maxMessageBytes: 10)
        #expect(call.onHeadersEnd(isTruncated: true)?.code == .resourceExhausted)
    }

    // MARK: Links, alarms, silence

    @Test func aLinkRestsLongerAfterEachFailureAndForgetsOnSuccess() {
        var limits = TransportLimits()
        limits.firstBackoff = .milliseconds(100)
        limits.backoffFactor = 2
        limits.maxBackoff = .milliseconds(300)
        var link = ClientLinkState(limits: limits)
        #expect(link.onCall(now: instant(0)) == .connect)
        #expect(link.onCall(now: instant(0)) == .wait)
        for (nominal, start) in [(100, 0), (200, 1_000), (300, 2_000), (300, 3_000)] as [(UInt64, UInt64)] {
            link.onFailed("away", now: instant(start), random: .max)
            let rest = link.onCall(now: instant(start + nominal - 1))
            #expect(rest == .fail(RPCStatus(.unavailable, "away")), "\(nominal)")
            #expect(link.onCall(now: instant(start + nominal)) == .connect, "\(nominal)")
        }
        // Jitter: no less than half.
        link.onFailed("away", now: instant(4_000), random: 0)
        #expect(link.onCall(now: instant(4_149)) == .fail(RPCStatus(.unavailable, "away")))
        #expect(link.onCall(now: instant(4_150)) == .connect)
        link.onReady()
        #expect(link.onCall(now: instant(4_150)) == .send)
        link.onProven()
        link.onLost()
        #expect(link.onCall(now: instant(4_150)) == .connect)
        link.onFailed("again", now: instant(5_000), random: .max)
        #expect(link.onCall(now: instant(5_100)) == .connect)
        link.onClose()
        link.onReady()
        link.onLost()
        #expect(link.onCall(now: instant(9_000)) == .fail(RPCStatus(.unavailable, "the channel is closed")))
    }

    @Test func oneTimerServesTheEarliestDeadline() {
        var alarm = DeadlineAlarm()
        #expect(alarm.onDeadline(instant(50)) == true)
        #expect(alarm.onDeadline(instant(60)) == false)
        #expect(alarm.onDeadline(instant(40)) == true)
        #expect(alarm.armedAt == instant(40))
        alarm.onFired()
        #expect(alarm.onDeadline(instant(60)) == true)
    }

    @Test func silenceIsAskedOnceAndThenGivenUp() {
        var silence = SilenceWatch(limit: .seconds(1))
        #expect(silence.onTick() == .none)
        #expect(silence.onTick() == .ping)
        silence.onHeard()
        #expect(silence.onTick() == .none)
        #expect(silence.onTick() == .ping)
        #expect(silence.onTick() == .giveUp)
    }

    // MARK: How long bytes may have waited

    /// What a turn reads came while the turn before ran; or just now, when the loop slept in between.
    @Test func bytesAreAsOldAsTheTurnBefore() {
        var age = TurnAge()
        #expect(age.latestArrival == nil)
        let (first, again) = (age.onRead(at: instant(10)), age.onRead(at: instant(12)))
        #expect(first && !again)
        #expect(age.earliestArrival(at: instant(12)) == instant(10) && age.latestArrival == instant(10))
        age.onEnd(at: instant(40))
        // At once again: the kernel had more, which may have come since the turn before began.
        let atOnce = age.onRead(at: instant(40))
        #expect(atOnce)
        #expect(age.earliestArrival(at: instant(55)) == instant(10) && age.latestArrival == instant(40))
        age.onEnd(at: instant(60))
        // After a sleep: what is there woke the loop.
        let later = age.onRead(at: instant(61))
        #expect(later)
        #expect(age.earliestArrival(at: instant(61)) == instant(61))
    }
}
