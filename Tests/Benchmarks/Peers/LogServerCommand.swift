// A bench service over the real transport and a real journal, in a process of its own, as the peers are.

import ArgumentParser
import ClusterModel
import EventLog
import GRPCFraming
import Glibc
import HostEnvironment
import NIOCore
import NodeEnvironment
import RPCTransport
import SegmentLog
import Synchronization

struct LogServerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "log-server", shouldDisplay: false)

    @Option(help: "Port of 127.0.0.1.") var port: Int
    @Option(help: "Directory of the journal.") var directory: String
    @Option(help: "Partitions.") var partitions: Int

    /// Takes a partition and encoded records; answers once the batch of them is synced.
    static let path = "/bench.Log/Append"

    func run() async throws {
        let pool = EventLoopPool(count: 1)
        let links = SocketLinks(pool: pool)
        let environment = NodeEnvironment(
            clock: HostClock(), entropy: HostEntropy(), executors: pool, files: HostFileStore(), links: links)
        let log = try SegmentLog.open(directory: directory, environment: environment)
        let service = AppendService(log, partitions: partitions, on: pool.loops[0])
        _ = try await links.listen(
            on: Endpoint(host: "127.0.0.1", port: port), security: .plaintext, handler: service)
        // Ends with the benchmark: by its signal, or with it.
        let parent = getppid()
        while getppid() == parent { try await HostClock().sleep(for: .milliseconds(500)) }
    }
}

/// Seals what each call brings into a batch of its own, as the in-process producers do.
private final class AppendService: CallHandler, LogObserver {
    private struct State {
        var writers: [OriginLogWriter]
        var waiting: [LogIdentity: [(end: Offset, call: UnaryCall)]] = [:]
    }

    let methods = [LogServerCommand.path]
    private let log: SegmentLog
    private let state: Mutex<State>

    init(_ log: SegmentLog, partitions: Int, on executor: any NodeExecutor) {
        self.log = log
        let writers = (0..<partitions).map { OriginLogWriter(log: LogBench.log($0), epoch: Epoch(1)) }
        state = Mutex(State(writers: writers))
        for writer in writers { log.observe(writer.log, on: executor, self) }
    }

    func handle(_ call: UnaryCall) {
        do throws(any Error) {
            try state.withLock { state throws(any Error) in
                let batch = try Self.batch(of: call.message, &state)
                // Before it can be flushed, or its observer might find nobody.
                state.waiting[batch.header.log, default: []].append((batch.endOffset, call))
                try log.submit(batch)
            }
        } catch {
            call.fail(RPCStatus(.invalidArgument, "\(error)"))
        }
    }

    private static func batch(of message: ByteBuffer, _ state: inout State) throws -> EncodedBatch {
        let bytes = Array(message.readableBytesView)
        var reader = ByteReader(bytes)
        let partition = Int(try reader.read(UInt32.self))
        let count = Int(try reader.read(UInt32.self))
        guard state.writers.indices.contains(partition) else { throw BatchError.tooLarge }
        var position = reader.offset
        for _ in 0..<count {
            _ = try state.writers[partition].append(try EventRecord(decoding: bytes[...], at: &position))
        }
        guard let batch = try state.writers[partition].seal(compressing: false) else { throw BatchError.tooLarge }
        return batch
    }

    func logFlushed(_ log: LogIdentity, to end: Offset) {
        let done = state.withLock { state in
            let waiting = state.waiting[log] ?? []
            state.waiting[log] = waiting.filter { $0.end > end }
            return waiting.filter { $0.end <= end }
        }
        for item in done { item.call.succeed(ByteBuffer()) }
    }

    func logFenced(_ log: LogIdentity, because error: EventLogError) {
        let waiting = state.withLock { state in
            defer { state.waiting[log] = nil }
            return state.waiting[log] ?? []
        }
        for item in waiting { item.call.fail(RPCStatus(.unavailable, "\(error)")) }
    }
}
