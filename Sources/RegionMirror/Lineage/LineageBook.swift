// What a member knows of ends, durably: chains from its floors on (S1a, S1b).
//
// The file `lineage`, replaced as a whole:
//
// | bytes | field                                                                                     |
// |-------|-------------------------------------------------------------------------------------------|
// | 0-9   | BookFrame, magic "MRLN"                                                                   |
// | 10-13 | number of lines, u32                                                                      |
// | 14-   | a line: name (8 bytes); count LEB128 of ends records, each as in EndsLink; 1 when the     |
// |       | first of them is the floor, else 0                                                        |
//
// Lines ascend by name. What lies below a floor is known to states only (OriginLine).

package import ClusterModel
package import EventLog

/// One entry a log name. A value.
package struct LineageBook: Hashable, Sendable {
    struct Line: Hashable, Sendable {
        var chain: EndsChain
        /// The first record of the chain is the floor: every member's published snapshots stand on it or on a later one.
        var hasFloor = false
    }

    private static let frame = BookFrame(magic: 0x4e4c_524d)  // "MRLN"

    private var lines: [LogName: Line] = [:]
    private let limit: Int

    package init(limits: MirrorLimits = MirrorLimits()) { limit = limits.agreedEnds }

    /// Hears of ends; whether they are news.
    package mutating func learn(_ ends: AgreedEnds) -> Bool {
        guard var line = lines[ends.name] else {
            guard lines.count < limit else { return false }
            lines[ends.name] = Line(chain: ends.chain)
            return true
        }
        guard line.chain.merge(ends.chain) else { return false }
        // A chain that begins above the floor was heard by a disk that came back from long ago.
        if !(line.chain.first == lines[ends.name]?.chain.first) { line.hasFloor = false }
        lines[ends.name] = line
        return true
    }

    /// In the order of names.
    package var all: [AgreedEnds] {
        lines.keys.sorted().compactMap { name in lines[name].map { AgreedEnds(name: name, chain: $0.chain) } }
    }

    package func chain(of name: LogName) -> EndsChain? { lines[name]?.chain }

    /// The floor of a line; nil before it has one.
    package func floor(of name: LogName) -> EndsPoint? {
        lines[name].flatMap { $0.hasFloor ? $0.chain.first.point : nil }
    }

    package var floors: [LineBase] {
        lines.keys.sorted().compactMap { name in floor(of: name).map { LineBase(name: name, point: $0) } }
    }

    /// A line's floor moves up: what lies below leaves. Whether it moved.
    package mutating func moveFloor(of name: LogName, to point: EndsPoint) -> Bool {
        guard var line = lines[name], floor(of: name) != point, line.chain.contains(point), point != line.chain.root
        else {
            return false
        }
        _ = line.chain.prune(to: point)
        line.hasFloor = true
        lines[name] = line
        return true
    }

    /// Incarnations whose ends are not settled at every member, of the line that has most of them, the current one not
    /// counted.
    package func unsettled(of region: RegionNumber) -> (count: Int, name: LogName)? {
        lines.filter { $0.key.region == region }.map { name, line in
            (count: line.chain.links.count - (line.hasFloor ? 1 : 0), name: name)
        }.max { ($0.count, $1.name) < ($1.count, $0.name) }
    }

    // MARK: The file

    package var encoded: [UInt8] {
        Self.frame.encode(reservingCapacity: 4 + lines.count * 128) { writer in
            writer.write(UInt32(clamping: lines.count))
            for name in lines.keys.sorted() {
                guard let line = lines[name] else { continue }
                writer.write(name)
                line.chain.encode(into: &writer)
                writer.write(UInt8(line.hasFloor ? 1 : 0))
            }
        }
    }

    /// Nil for bytes that do not verify.
    package init?(decoding bytes: [UInt8], limits: MirrorLimits = MirrorLimits()) {
        self.init(limits: limits)
        let limit = limit
        let read = Self.frame.decode(bytes) { reader throws(ByteCodingError) -> [LogName: Line]? in
            var lines: [LogName: Line] = [:]
            let count = try reader.read(UInt32.self)
            guard count <= UInt32(clamping: limit) else { return nil }
            for _ in 0..<count { lines[try reader.readLogName()] = try Line(from: &reader) }
            return lines
        }
        guard let read else { return nil }
        lines = read
    }
}

extension LineageBook.Line {
    fileprivate init(from reader: inout ByteReader) throws(ByteCodingError) {
        self.init(chain: try EndsChain(from: &reader))
        hasFloor = try reader.read(UInt8.self) == 1
    }
}
