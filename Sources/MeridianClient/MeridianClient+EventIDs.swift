// One write under one event id, whatever the number of attempts (S4, S9).

import MeridianProtocol
import Synchronization

extension MeridianClient {
    /// Sends under `id`, or under a new one. An id that was made from a clock that no answer had set right yet, and that the
    /// only attempt was refused for, was never in a log: the write gets another one from the server's time, once.
    func withEventID<Reply>(
        _ id: Meridian_V1_EventID?,
        _ send: (Meridian_V1_EventID) async throws(MeridianClientError) -> Reply
    ) async throws(MeridianClientError) -> Reply {
        if let id { return try await send(id) }
        let wasCalibrated = state.withLock { $0.clock.isCalibrated }
        do throws(MeridianClientError) {
            return try await send(makeEventID())
        } catch {
            let isRefusedForTime = error.reason == "EVENT_ID_TOO_NEW" || error.reason == "EVENT_ID_TOO_OLD"
            guard isRefusedForTime, !wasCalibrated, error.attempts.count == 1 else { throw error }
            restartEventIDs()
            return try await send(makeEventID())
        }
    }
}
