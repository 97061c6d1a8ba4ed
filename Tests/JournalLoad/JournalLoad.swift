// A process that appends to a real journal until it is done or killed, and says on its standard output what it does, a
// line at a time, each by one write: whoever kills it knows what it had acknowledged.
//
//   journal-load DIRECTORY INCARNATION SEED LOGS PRODUCERS BATCHES
//
// | line                                | meaning                                                       |
// |-------------------------------------|---------------------------------------------------------------|
// | opening                             | the journal is about to be opened                             |
// | found LOG END DIGEST                | what the start found flushed, a line a log                    |
// | open                                | appends begin                                                 |
// | submit LOG BASE END DIGEST          | a batch is about to be submitted                              |
// | flushed LOG END DIGEST              | the batch that ends there is acknowledged                     |
// | closing, closed                     | BATCHES are acknowledged; the clean stop begins, is over      |
// | failed REASON                       | the log ended by itself                                       |
//
// LOG is region/partition/incarnation. Logs of region 1 begin anew with each start, those of region 2 go on where they
// ended, as mirrored logs do.

import ClusterModel
import EventLog
import Glibc
import HostEnvironment
import NodeEnvironment
import SegmentLog
import SimulatedEnvironment

@main
struct JournalLoad {
    static func main() async throws {
        let arguments = CommandLine.arguments.dropFirst()
        let numbers = arguments.dropFirst().compactMap { UInt64($0) }
        guard let directory = arguments.first, numbers.count == 5 else {
            say("failed arguments")
            exit(2)
        }
        let plan = LoadPlan(
            incarnation: Incarnation(numbers[0]), seed: numbers[1], logs: Int(numbers[2]), producers: Int(numbers[3]),
            batches: Int(numbers[4]))
        let pool = EventLoopPool(count: 1)
        let environment = NodeEnvironment(
            clock: HostClock(), entropy: HostEntropy(), executors: pool, files: HostFileStore(), links: NoLinks())
        say("opening")
        let log = try SegmentLog.open(
            directory: directory, environment: environment,
            limits: JournalLimits(segmentBytes: JournalLimits.minSegmentBytes))
        for summary in log.logs() {
            say("found \(name(summary.log)) \(summary.flushedEnd.rawValue) \(name(summary.endDigest))")
        }
        let producers = LoadProducers(plan, log: log)
        say("open")
        await producers.run(on: pool.loops[0])
        say("closing")
        await log.close()
        say("closed")
        try await pool.shutDown()
    }

    static func name(_ log: LogIdentity) -> String {
        "\(log.name.region.rawValue)/\(log.name.partition.rawValue)/\(log.incarnation.rawValue)"
    }

    static func name(_ digest: Digest128) -> String {
        "\(String(digest.high, radix: 16))-\(String(digest.low, radix: 16))"
    }

    /// One write(2), so that no line is lost in a buffer when the process dies.
    static func say(_ line: String) {
        let bytes = Array((line + "\n").utf8)
        _ = bytes.withUnsafeBytes { Glibc.write(1, $0.baseAddress, $0.count) }
    }
}

struct LoadPlan: Sendable {
    var incarnation: Incarnation
    var seed: UInt64
    var logs: Int
    var producers: Int
    /// Acknowledgements until the clean stop.
    var batches: Int
}
