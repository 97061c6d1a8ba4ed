// What members and directories say of themselves before anything else: greetings, their answers, identities, lineage books.

import ClusterModel
import EventLog
import RegionMirror

/// A greeting or its answer: the first byte says which. What is read is held against another region's terms.
struct GreetingTarget: ExtremesTarget {
    let name = "greeting"
    let grammar = ExtremesGrammar(bounds: [64, 63, 4_096, UInt64(TokenKeyring.maxKeys), 512], strides: [12])

    private static func terms(_ number: UInt16, others: UInt16, keys: UInt32) -> RegionTerms {
        RegionTerms(
            region: RegionTerms.Member(number: RegionNumber(number), name: "r\(number)"),
            others: (0..<others).map { RegionTerms.Member(number: RegionNumber(100 + $0), name: "r\(100 + $0)") },
            deploymentID: "shop", partitions: .standard, applyVersion: 2, oldestApplyVersion: 2, bounds: .standard,
            tokenKeys: (0..<keys).map { TokenKeyFingerprint(id: $0, fingerprint: UInt64($0)) })
    }

    var seeds: [[UInt8]] {
        [(0, 0), (2, 1), (63, 16)].flatMap { (others: UInt16, keys: UInt32) -> [[UInt8]] in
            let terms = Self.terms(1, others: others, keys: keys)
            let greeting = RegionGreeting(incarnation: MeshSamples.logs[0].incarnation, terms: terms)
            let reply = GreetingReply(
                .claimed, reason: "another process", freshMilliseconds: 5_000,
                incarnation: MeshSamples.logs[1].incarnation, terms: terms)
            return [[0] + greeting.encoded, [1] + reply.encoded]
        }
    }

    func run(_ bytes: [UInt8]) -> Bool {
        guard let kind = bytes.first else { return false }
        let content = Array(bytes.dropFirst())
        let theirs: (terms: RegionTerms, encoded: [UInt8])
        if kind == 0 {
            guard let greeting = try? RegionGreeting(decoding: content) else { return false }
            theirs = (greeting.terms, greeting.encoded)
        } else {
            guard let reply = try? GreetingReply(decoding: content) else { return false }
            theirs = (reply.terms, reply.encoded)
        }
        let own = Self.terms(2, others: 2, keys: 2)
        _ = own.findings(against: theirs.terms, expected: theirs.terms.region)
        _ = theirs.terms.findings(against: own, expected: own.region)
        _ = theirs.terms.fingerprint
        return theirs.encoded == content
    }
}

/// The file that says whose a directory is.
struct IdentityTarget: ExtremesTarget {
    let name = "identity"
    let grammar = ExtremesGrammar(bounds: [4_096, 63])

    private static let own = DirectoryIdentity(
        deployment: "shop", region: RegionNumber(1), regionName: "aws-us", partitions: .standard)

    var seeds: [[UInt8]] { [Self.own.encode()] }

    func seal(_ bytes: inout [UInt8]) { Checksums.sealWhole(&bytes) }

    func run(_ bytes: [UInt8]) -> Bool {
        guard let identity = try? DirectoryIdentity(decoding: bytes) else { return false }
        _ = identity.differences(from: Self.own).map(\.description)
        return (try? DirectoryIdentity(decoding: identity.encode())) == identity
    }
}

/// The file of what a node has heard of ends, and of its floors.
struct LineageBookTarget: ExtremesTarget {
    let name = "lineage-book"
    let grammar = ExtremesGrammar(bounds: MeshSamples.bounds, strides: [40])

    var seeds: [[UInt8]] {
        [0, 1, 3].map { count in
            var book = LineageBook(limits: MeshSamples.limits)
            for ends in MeshSamples.logs.prefix(count).flatMap(MeshSamples.ends) {
                _ = book.learn(ends)
                _ = book.moveFloor(of: ends.name, to: ends.chain.tip.point)
            }
            return book.encoded
        }
    }

    func seal(_ bytes: inout [UInt8]) { Checksums.sealWhole(&bytes) }

    func run(_ bytes: [UInt8]) -> Bool {
        guard var book = LineageBook(decoding: bytes, limits: MeshSamples.limits) else { return false }
        for ends in MeshSamples.logs.flatMap(MeshSamples.ends) { _ = book.learn(ends) }
        for ends in book.all {
            _ = (book.unsettled(of: ends.name.region), book.floor(of: ends.name), book.floors.count)
            _ = book.moveFloor(of: ends.name, to: ends.chain.tip.point)
        }
        return LineageBook(decoding: book.encoded, limits: MeshSamples.limits) != nil
    }
}
