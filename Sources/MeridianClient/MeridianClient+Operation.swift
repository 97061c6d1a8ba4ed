// The catalogue, and what operators ask of a node. An operator means one region: `options.region`, or home. Such a call
// is never sent to another region by itself.

public import MeridianProtocol

extension MeridianClient {
    /// Writes content items, 1 to 512 of different ids; a content id that is there is replaced. Returns once they are
    /// flushed. `id` as in `erase`: a repeated call never replaces what was published after the first.
    public func publish(
        _ items: [Meridian_V1_ContentItem], id: Meridian_V1_EventID? = nil, options: CallOptions = CallOptions()
    ) async throws(MeridianClientError) -> Meridian_V1_PublishReply {
        try await withEventID(id) { (id) throws(MeridianClientError) in
            var request = Meridian_V1_PublishRequest()
            request.items = items
            request.id = id
            return try await self.call(.publish, request, options: options)
        }
    }

    /// Takes content out of every catalogue, 1 to 512 different ids. `id` as in `publish`.
    public func withdraw(
        _ contentIDs: [String], id: Meridian_V1_EventID? = nil, options: CallOptions = CallOptions()
    ) async throws(MeridianClientError) -> Meridian_V1_WithdrawReply {
        try await withEventID(id) { (id) throws(MeridianClientError) in
            var request = Meridian_V1_WithdrawRequest()
            request.contentIds = contentIDs
            request.id = id
            return try await self.call(.withdraw, request, options: options)
        }
    }

    /// What the node is and does. Operators only.
    public func status(
        options: CallOptions = CallOptions()
    ) async throws(MeridianClientError) -> Meridian_V1_StatusReply {
        try await call(.status, Meridian_V1_StatusRequest(), options: options)
    }

    /// State digests; an empty list asks for all partitions. Operators only.
    public func digest(
        partitions: [UInt32] = [], options: CallOptions = CallOptions()
    ) async throws(MeridianClientError) -> Meridian_V1_DigestReply {
        var request = Meridian_V1_DigestRequest()
        request.partitions = partitions
        return try await call(.digest, request, options: options)
    }

    /// The logs that the node holds. Operators only.
    public func logStats(
        options: CallOptions = CallOptions()
    ) async throws(MeridianClientError) -> Meridian_V1_LogStatsReply {
        try await call(.logStats, Meridian_V1_LogStatsRequest(), options: options)
    }

    /// Stops taking user calls on the node. Operators only.
    public func drain(
        options: CallOptions = CallOptions()
    ) async throws(MeridianClientError) -> Meridian_V1_DrainReply {
        try await call(.drain, Meridian_V1_DrainRequest(), options: options)
    }

    /// Takes user calls again. Operators only.
    public func resume(
        options: CallOptions = CallOptions()
    ) async throws(MeridianClientError) -> Meridian_V1_ResumeReply {
        try await call(.resume, Meridian_V1_ResumeRequest(), options: options)
    }
}
