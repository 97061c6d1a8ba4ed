// Memory of one session: what nghttp2 gives back it gets again, without the system's allocator.

import CNghttp2
import Glibc

/// Blocks in classes of doubling size, kept in lists when they are freed. nghttp2 makes and drops a stream, its frames and
/// their headers for every call: in steady state none of that reaches malloc. For the thread of its session only.
///
///   offset  bytes  a block
///   0       8      its class, or `large`
///   8       8      bytes that the library asked for
///   16      class  the library's; while it is free: the address of the next free block
@safe final class SessionMemory {
    /// Free blocks that one session keeps: those of about a hundred calls under way.
    static let maxKeptBytes = 128 << 10
    private let lists: UnsafeMutablePointer<FreeLists>

    init() {
        unsafe lists = .allocate(capacity: 1)
        unsafe lists.initialize(to: FreeLists())
    }

    deinit {
        unsafe lists.pointee.removeAll()
        unsafe lists.deallocate()
    }

    var keptBytes: Int { unsafe lists.pointee.keptBytes }

    /// What the library calls, with the lists as their context. The memory must outlive the session.
    var functions: nghttp2_mem {
        unsafe nghttp2_mem(
            mem_user_data: UnsafeMutableRawPointer(lists),
            malloc: { size, context in unsafe FreeLists.at(context)?.pointee.allocate(size) },
            free: { bytes, context in unsafe FreeLists.at(context)?.pointee.release(bytes) },
            calloc: { count, size, context in
                let (total, hasOverflown) = count.multipliedReportingOverflow(by: size)
                guard !hasOverflown, let bytes = unsafe FreeLists.at(context)?.pointee.allocate(total) else {
                    return nil
                }
                unsafe memset(bytes, 0, total)
                return unsafe bytes
            },
            realloc: { bytes, size, context in unsafe FreeLists.at(context)?.pointee.resize(bytes, to: size) })
    }
}

/// The free blocks, by class.
@safe struct FreeLists {
    private static let smallestClass = 64
    private static let classCount = 6
    private static let headerBytes = 16
    private static let large = UInt64.max

    private(set) var keptBytes = 0
    private var heads: InlineArray<6, UnsafeMutableRawPointer?>

    init() { unsafe heads = InlineArray(repeating: nil) }

    static func at(_ context: UnsafeMutableRawPointer?) -> UnsafeMutablePointer<FreeLists>? {
        unsafe context?.assumingMemoryBound(to: FreeLists.self)
    }

    mutating func allocate(_ size: Int) -> UnsafeMutableRawPointer? {
        guard let index = Self.index(of: size) else {
            guard size <= Int.max - Self.headerBytes else { return nil }
            return unsafe Self.mark(malloc(size + Self.headerBytes), Self.large, size)
        }
        guard let block = unsafe heads[index] else {
            return unsafe Self.mark(malloc(Self.smallestClass << index + Self.headerBytes), UInt64(index), size)
        }
        unsafe heads[index] = block.load(fromByteOffset: Self.headerBytes, as: UnsafeMutableRawPointer?.self)
        keptBytes -= Self.smallestClass << index
        unsafe block.storeBytes(of: size, toByteOffset: 8, as: Int.self)
        return unsafe block + Self.headerBytes
    }

    mutating func release(_ bytes: UnsafeMutableRawPointer?) {
        guard let bytes = unsafe bytes else { return }
        let block = unsafe bytes - Self.headerBytes
        let index = unsafe block.load(as: UInt64.self)
        guard index != Self.large, keptBytes + Self.smallestClass << Int(index) <= SessionMemory.maxKeptBytes else {
            return unsafe Glibc.free(block)
        }
        unsafe bytes.storeBytes(of: heads[Int(index)], as: UnsafeMutableRawPointer?.self)
        unsafe heads[Int(index)] = block
        keptBytes += Self.smallestClass << Int(index)
    }

    mutating func resize(_ bytes: UnsafeMutableRawPointer?, to size: Int) -> UnsafeMutableRawPointer? {
        guard let bytes = unsafe bytes else { return unsafe allocate(size) }
        let block = unsafe bytes - Self.headerBytes
        let index = unsafe block.load(as: UInt64.self)
        if index != Self.large, size <= Self.smallestClass << Int(index) {
            unsafe block.storeBytes(of: size, toByteOffset: 8, as: Int.self)
            return unsafe bytes
        }
        let old = unsafe block.load(fromByteOffset: 8, as: Int.self)
        guard let moved = unsafe allocate(size) else { return nil }
        unsafe memcpy(moved, bytes, min(old, size))
        unsafe release(bytes)
        return unsafe moved
    }

    mutating func removeAll() {
        for index in 0..<Self.classCount {
            while let block = unsafe heads[index] {
                unsafe heads[index] = block.load(fromByteOffset: Self.headerBytes, as: UnsafeMutableRawPointer?.self)
                unsafe Glibc.free(block)
            }
        }
        keptBytes = 0
    }

    /// The class whose blocks hold `size` bytes; nil beyond the largest.
    private static func index(of size: Int) -> Int? {
        guard size > smallestClass else { return 0 }
        let index = Int.bitWidth - (size - 1).leadingZeroBitCount - smallestClass.trailingZeroBitCount
        return index < classCount ? index : nil
    }

    private static func mark(
        _ block: UnsafeMutableRawPointer?, _ index: UInt64, _ size: Int
    ) -> UnsafeMutableRawPointer? {
        guard let block = unsafe block else { return nil }
        unsafe block.storeBytes(of: index, as: UInt64.self)
        unsafe block.storeBytes(of: size, toByteOffset: 8, as: Int.self)
        return unsafe block + headerBytes
    }
}
