// Every unary method of meridian.v1, by service. MeridianClientTests compares the list with the .proto files.

public import MeridianProtocol

// MARK: DeliveryService

extension ServiceMethod where Request == Meridian_V1_NextContentRequest, Reply == Meridian_V1_NextContentReply {
    /// The next items for a user.
    public static var nextContent: Self { Self("DeliveryService", "NextContent", .read) }
}

extension ServiceMethod where Request == Meridian_V1_ExplainRequest, Reply == Meridian_V1_ExplainReply {
    /// Why an item stood in a slate.
    public static var explain: Self { Self("DeliveryService", "Explain", .read) }
}

// MARK: InteractionService

extension ServiceMethod where Request == Meridian_V1_ReportRequest, Reply == Meridian_V1_ReportReply {
    /// Appends one user's events. Give every event an id, or a repeated call counts again.
    public static var report: Self { Self("InteractionService", "Report", durability: \.durability) }
}

// MARK: CatalogService

extension ServiceMethod where Request == Meridian_V1_PublishRequest, Reply == Meridian_V1_PublishReply {
    /// Writes content items.
    public static var publish: Self { Self("CatalogService", "Publish", .patientWrite) }
}

extension ServiceMethod where Request == Meridian_V1_WithdrawRequest, Reply == Meridian_V1_WithdrawReply {
    /// Takes content items out of every catalogue.
    public static var withdraw: Self { Self("CatalogService", "Withdraw", .patientWrite) }
}

extension ServiceMethod where Request == Meridian_V1_GetContentRequest, Reply == Meridian_V1_GetContentReply {
    /// One content item.
    public static var getContent: Self { Self("CatalogService", "Get", .read) }
}

extension ServiceMethod where Request == Meridian_V1_ListContentRequest, Reply == Meridian_V1_ListContentReply {
    /// Content items by id, page by page.
    public static var listContent: Self { Self("CatalogService", "List", .read) }
}

// MARK: ProfileService

extension ServiceMethod where Request == Meridian_V1_UpdateProfileRequest, Reply == Meridian_V1_UserWriteReply {
    /// Writes profile fields.
    public static var updateProfile: Self { Self("ProfileService", "Update", durability: \.durability) }
}

extension ServiceMethod where Request == Meridian_V1_GetProfileRequest, Reply == Meridian_V1_GetProfileReply {
    /// A user's profile.
    public static var getProfile: Self { Self("ProfileService", "Get", .read) }
}

extension ServiceMethod where Request == Meridian_V1_EraseRequest, Reply == Meridian_V1_UserWriteReply {
    /// Forgets what a user did until now.
    public static var erase: Self { Self("ProfileService", "Erase", durability: \.durability) }
}

extension ServiceMethod where Request == Meridian_V1_SetConsentRequest, Reply == Meridian_V1_UserWriteReply {
    /// Grants or withdraws consent.
    public static var setConsent: Self { Self("ProfileService", "SetConsent", durability: \.durability) }
}

// MARK: BeaconService

extension ServiceMethod where Request == Meridian_V1_SendBeaconsRequest, Reply == Meridian_V1_SendBeaconsReply {
    /// Appends one user's beacons.
    public static var sendBeacons: Self { Self("BeaconService", "Send", durability: \.durability) }
}

// MARK: InsightService

extension ServiceMethod where Request == Meridian_V1_PopularRequest, Reply == Meridian_V1_PopularReply {
    /// The most popular items of a window.
    public static var popular: Self { Self("InsightService", "Popular", .read) }
}

extension ServiceMethod where Request == Meridian_V1_ContentStatsRequest, Reply == Meridian_V1_ContentStatsReply {
    /// Counters of items.
    public static var contentStats: Self { Self("InsightService", "ContentStats", .read) }
}

// MARK: OperatorService

extension ServiceMethod where Request == Meridian_V1_StatusRequest, Reply == Meridian_V1_StatusReply {
    /// What a node is and does.
    public static var status: Self { Self("OperatorService", "Status", .operation) }
}

extension ServiceMethod where Request == Meridian_V1_DigestRequest, Reply == Meridian_V1_DigestReply {
    /// State digests by partition.
    public static var digest: Self { Self("OperatorService", "Digest", .operation) }
}

extension ServiceMethod where Request == Meridian_V1_DrainRequest, Reply == Meridian_V1_DrainReply {
    /// Stops taking user calls.
    public static var drain: Self { Self("OperatorService", "Drain", .operation) }
}

extension ServiceMethod where Request == Meridian_V1_ResumeRequest, Reply == Meridian_V1_ResumeReply {
    /// Takes user calls again.
    public static var resume: Self { Self("OperatorService", "Resume", .operation) }
}

extension ServiceMethod where Request == Meridian_V1_EvacuateRequest, Reply == Meridian_V1_EvacuateReply {
    /// Moves a region's traffic away.
    public static var evacuate: Self { Self("OperatorService", "Evacuate", .operation) }
}

extension ServiceMethod where Request == Meridian_V1_LogStatsRequest, Reply == Meridian_V1_LogStatsReply {
    /// The logs that a node holds.
    public static var logStats: Self { Self("OperatorService", "LogStats", .operation) }
}

// MARK: StreamService, but for Subscribe, which is a stream: `MeridianClient.subscribe`

extension ServiceMethod where Request == Meridian_V1_CommitRequest, Reply == Meridian_V1_CommitReply {
    /// Makes a cursor a group's.
    public static var commitCursor: Self { Self("StreamService", "Commit", .patientWrite) }
}

extension ServiceMethod where Request == Meridian_V1_GroupsRequest, Reply == Meridian_V1_GroupsReply {
    /// The groups of one region, and how far they are behind.
    public static var listGroups: Self { Self("StreamService", "Groups", .operation) }
}

extension ServiceMethod where Request == Meridian_V1_ForgetGroupRequest, Reply == Meridian_V1_ForgetGroupReply {
    /// Forgets a group in one region.
    public static var forgetGroup: Self { Self("StreamService", "Forget", .operation) }
}
