// The streams of a session, in places that are used again.

/// Places with generation numbers. A value; O(1) but for growth.
struct StreamTable {
    struct Entry {
        /// HTTP/2's number; 0 while the place is free.
        var id: Int32 = 0
        var generation: UInt32 = 0
        /// What is still to be sent, and the trailers after it.
        var body: HTTP2Body?
        var trailers: HTTP2HeaderBlock?
        /// Instead of a body: what is asked for bytes as they can be sent.
        var source: (any HTTP2BodySource)?
        var hasPeerEnded = false
        /// The session's step when the peer opened it.
        var openedAt: UInt32 = 0
        /// Bytes that the owner took and the library has not been told of.
        var unconsumed = 0
    }

    private(set) var entries: [Entry] = []
    private var free: [Int32] = []
    private let limit: Int

    var count: Int { entries.count - free.count }

    init(limit: Int) { self.limit = limit }

    /// Takes a place; nil when there are `limit` streams.
    mutating func open() -> HTTP2StreamKey? {
        if let place = free.popLast() {
            return HTTP2StreamKey(place: place, generation: entries[Int(place)].generation)
        }
        guard entries.count < limit else { return nil }
        entries.append(Entry())
        return HTTP2StreamKey(place: Int32(entries.count - 1), generation: 0)
    }

    mutating func setID(_ id: Int32, of key: HTTP2StreamKey, openedAt step: UInt32 = 0) {
        entries[Int(key.place)].id = id
        entries[Int(key.place)].openedAt = step
    }

    /// The index of a stream that is still there.
    func index(of key: HTTP2StreamKey) -> Int? {
        let index = Int(key.place)
        guard entries.indices.contains(index), entries[index].generation == key.generation, entries[index].id != 0
        else {
            return nil
        }
        return index
    }

    func key(at index: Int) -> HTTP2StreamKey {
        HTTP2StreamKey(place: Int32(index), generation: entries[index].generation)
    }

    mutating func update<Value>(_ index: Int, _ body: (inout Entry) -> Value) -> Value { body(&entries[index]) }

    /// Gives the place back, under the next generation.
    mutating func close(_ index: Int) {
        entries[index] = Entry(generation: entries[index].generation &+ 1)
        free.append(Int32(index))
    }
}
