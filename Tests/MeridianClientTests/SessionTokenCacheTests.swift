// S12: tokens are kept for as many users as promised, the recently used ones first.

import NodeEnvironment
import Testing

@testable import MeridianClient

@Suite struct SessionTokenCacheTests {
    @Test(arguments: 1...10 as ClosedRange<UInt64>)
    func s12TheCacheStaysBoundedAndNeverMixesUsers(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        var cache = SessionTokenCache(capacity: 16)
        var latest: [String: [UInt8]] = [:]
        for step in 0..<5_000 {
            let user = "user-\(generator.next() % 64)"
            if generator.next() % 3 == 0 {
                let token = cache.token(of: user)
                #expect(token.isEmpty || token == latest[user], "seed \(seed), step \(step)")
            } else {
                latest[user] = [UInt8(truncatingIfNeeded: step), UInt8(truncatingIfNeeded: step >> 8), 1]
                cache.onAnswer(latest[user] ?? [], of: user)
            }
            #expect(cache.count <= 16, "seed \(seed), step \(step)")
        }
    }

    @Test func s12WhatIsUsedStays() {
        var cache = SessionTokenCache(capacity: 8)
        cache.onAnswer([1], of: "kept")
        for number in 0..<100 {
            cache.onAnswer([2], of: "other-\(number)")
            #expect(cache.token(of: "kept") == [1], "after \(number)")
        }
        #expect(cache.token(of: "other-0").isEmpty)
    }

    @Test func s12AnEmptyTokenChangesNothingAndForgettingDoes() {
        var cache = SessionTokenCache(capacity: 8)
        cache.onAnswer([1], of: "a")
        cache.onAnswer([], of: "a")
        #expect(cache.token(of: "a") == [1])
        cache.forget("a")
        #expect(cache.token(of: "a").isEmpty)
    }

    @Test func s12AReadUnderWayDoesNotDisplaceAWritesToken() {
        var cache = SessionTokenCache(capacity: 8)
        cache.onAnswer([1], of: "u", sentWith: [], isWrite: false)
        // A read and a write leave with token 1; the write is answered first.
        cache.onAnswer([2], of: "u", sentWith: [1], isWrite: true)
        cache.onAnswer([3], of: "u", sentWith: [1], isWrite: false)
        #expect(cache.token(of: "u") == [2])
        cache.onAnswer([4], of: "u", sentWith: [2], isWrite: false)
        #expect(cache.token(of: "u") == [4])
        cache.forget("u", [2])
        #expect(cache.token(of: "u") == [4])
    }
}
