// Timers in the order of their times, then of their making.

/// A binary heap. Complexity: O(log n) to insert and to remove the first.
struct TimerHeap {
    private var timers: [SimulationScheduler.Timer] = []

    var first: SimulationScheduler.Timer? { timers.first }

    mutating func insert(_ timer: SimulationScheduler.Timer) {
        timers.append(timer)
        var child = timers.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            guard Self.isBefore(timers[child], timers[parent]) else { return }
            timers.swapAt(child, parent)
            child = parent
        }
    }

    mutating func removeFirst() {
        guard let last = timers.popLast(), !timers.isEmpty else { return }
        timers[0] = last
        var parent = 0
        while true {
            var least = parent
            for child in [2 * parent + 1, 2 * parent + 2] where child < timers.count {
                if Self.isBefore(timers[child], timers[least]) { least = child }
            }
            guard least != parent else { return }
            timers.swapAt(parent, least)
            parent = least
        }
    }

    private static func isBefore(_ lhs: SimulationScheduler.Timer, _ rhs: SimulationScheduler.Timer) -> Bool {
        (lhs.at, lhs.sequence) < (rhs.at, rhs.sequence)
    }
}
