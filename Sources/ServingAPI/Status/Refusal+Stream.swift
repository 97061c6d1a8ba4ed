// What a stream's or a group's refusal means to a caller.

import ClusterModel
import GRPCFraming
import Personalization

extension Refusal {
    /// A cursor that cannot be used here.
    init(cursor error: TokenError, field: String) {
        let reason: ErrorReason =
            switch error {
            case .unknownKey: .cursorKeyUnknown
            case .badSignature, .malformed: .cursorInvalid
            case .foreignDeployment, .foreignPartition: .cursorForeign
            }
        self.init(reason, "\(field): \(error)", metadata: [("field", field)])
    }

    init(_ error: StreamGroupError) {
        switch error {
        case .tooManyGroups:
            self.init(.tooManyGroups, "this node has \(StreamGroups.maxGroups) groups already: forget some")
        case .tooManyOfClient:
            self.init(.tooManyGroups, "this client has its share of this node's groups already: forget some")
        case .unknownGroup: self.init(.unknownGroup, "this region knows no such group")
        case .damaged:
            self.init(
                .groupDamaged,
                "the group's cursor does not verify: give the cursor that was committed last, or forget it")
        case .notCommitted:
            self.init(.cursorNotCommitted, "the disk did not take the cursor; the one before stands")
        }
    }

    /// How a stream ends. Where the log was trimmed, the metadata's `oldest` is where the partition can be read from on, a
    /// cursor in base64, where it is short enough for them.
    init(_ error: EffectFailure, tokens: StreamTokens) {
        switch error {
        case .trimmed(let partition, let oldest):
            var metadata = [(key: "partition", value: String(partition.rawValue))]
            if let token = tokens.seal(StreamCursor([partition: oldest])), token.count <= Self.maxTokenBytes {
                let text = String(decoding: Base64.encode(token), as: UTF8.self)
                metadata.append(
                    (key: "oldest", value: text + String(repeating: "=", count: (4 - text.utf8.count % 4) % 4)))
            }
            self.init(
                .cursorTrimmed,
                "partition \(partition.rawValue): what comes next was trimmed here; read on in a region that has it, or "
                    + "subscribe with skip_trimmed, which goes on behind it: what lies between is lost to the group",
                metadata: metadata)
        case .logFenced: self.init(.logFenced, "the log takes no appends: try another region")
        case .unreadable: self.init(.logUnreadable, "the log cannot be read here: try another region")
        case .cancelled: self.init(.nodeDraining, "the node stops")
        }
    }

    private static let maxTokenBytes = 1_024
}
