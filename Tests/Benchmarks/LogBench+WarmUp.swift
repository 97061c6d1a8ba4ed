// A journal as it is when it has run for a while: its next segment is prepared.

import ClusterModel
import EventLog
import NodeEnvironment
import OperatorCommands
import SegmentLog

extension LogBench {
    /// Fills more than half of a segment in another incarnation and waits until the next one is ready: half a minute at most.
    func warmUp(_ directory: String) async throws {
        let log = try SegmentLog.open(directory: directory, environment: environment)
        let identity = LogIdentity(name: Self.log(0).name, incarnation: Incarnation(2))
        var writer = OriginLogWriter(log: identity, epoch: Epoch(1))
        let records = Self.records(1_000, compressible: false)
        var bytes = 0
        while bytes < JournalLimits().segmentBytes * 5 / 8 {
            for record in records { _ = try writer.append(record) }
            guard let batch = try writer.seal(compressing: false) else { break }
            try log.submit(batch)
            bytes += batch.length
            while log.flushedEnd(of: identity) < batch.endOffset {
                try await environment.clock.sleep(for: .milliseconds(1))
            }
        }
        for _ in 0..<600 {
            if try environment.files.list(directory).contains(where: { $0.hasSuffix(".spare") }) { break }
            try await environment.clock.sleep(for: .milliseconds(50))
        }
        await log.close()
    }
}
