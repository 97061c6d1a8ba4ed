// libFuzzer as the source of inputs: it keeps what reaches new code and damages that further.
//
// Only in a build of its own, because every module must be instrumented:
//   swift build -c release --scratch-path .build/guided --product meridian-fuzz \
//     -Xswiftc -sanitize=fuzzer -Xswiftc -use-ld=lld -Xswiftc -DGUIDED_FUZZING

import Glibc
import Synchronization
import TransportFuzzing

/// One target run by libFuzzer. See <https://llvm.org/docs/LibFuzzer.html>.
enum GuidedFuzz {
    /// Inputs that take longer count as a hang; a process that grows beyond the other as a leak.
    private static let secondsAnInput = 10
    private static let residentMiB = 1_024
    private static let longestInput = 64 << 10

    #if GUIDED_FUZZING
    private static let target = Mutex<(any FuzzTarget)?>(nil)

    /// Runs to the end of `runs`, or to the first finding, and ends the process: libFuzzer does not come back.
    static func run(_ chosen: any FuzzTarget, runs: Int, seed: UInt64, kept: String, grown: String, artifacts: String) {
        target.withLock { $0 = chosen }
        let words =
            [
                "meridian-fuzz", "-runs=\(runs)", "-seed=\(seed % UInt64(UInt32.max))",
                "-timeout=\(secondsAnInput)", "-rss_limit_mb=\(residentMiB)", "-max_len=\(longestInput)",
                "-artifact_prefix=\(artifacts)/\(chosen.name)-", "-print_final_stats=1", "-verbosity=1", grown, kept,
            ]
        var arguments = words.map { strdup($0) as UnsafeMutablePointer<CChar>? }
        var count = Int32(arguments.count)
        arguments.append(nil)
        arguments.withUnsafeMutableBufferPointer { buffer in
            var first = buffer.baseAddress
            _ = fuzzerRunDriver(&count, &first) { bytes, length in
                GuidedFuzz.runOne(UnsafeBufferPointer(start: bytes, count: length))
            }
        }
    }

    private static func runOne(_ bytes: UnsafeBufferPointer<UInt8>) -> Int32 {
        target.withLock { target in
            guard let target, bytes.count >= target.keptBytes else { return -1 }
            do {
                try target.run(Array(bytes))
                return 0
            } catch {
                // libFuzzer writes the input down when the process traps.
                fatalError("\(target.name): \(error)")
            }
        }
    }

    /// As llvm's FuzzerInterface: (argc, argv, one input) -> exit code.
    @_silgen_name("LLVMFuzzerRunDriver")
    private static func fuzzerRunDriver(
        _ count: UnsafeMutablePointer<Int32>,
        _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?>,
        _ one: @convention(c) (UnsafePointer<UInt8>?, Int) -> Int32
    ) -> Int32
    #endif
}
