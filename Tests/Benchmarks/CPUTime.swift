// What was run so far: the counterpart of time that passed, on machines whose cores others use too.

import Glibc

enum CPUTime {
    /// Of all threads of this process.
    static var process: Duration { read(CLOCK_PROCESS_CPUTIME_ID) }

    /// Of the calling thread.
    static var thread: Duration { read(CLOCK_THREAD_CPUTIME_ID) }

    private static func read(_ clock: clockid_t) -> Duration {
        var time = timespec()
        clock_gettime(clock, &time)
        return .seconds(time.tv_sec) + .nanoseconds(time.tv_nsec)
    }
}
