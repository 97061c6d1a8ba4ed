// Why the fold of a log stops or waits.

package import ClusterModel
import EventLog

/// Why a record cannot be applied. The log stops there, loudly (S3).
package enum ApplyError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Not the next record of its log.
    case gap(expected: Offset, found: Offset)
    /// Not yet: another incarnation of the same origin has to be applied to that offset first (S1, S1a).
    case held(until: Incarnation, reaches: Offset)
    /// Quarantined: it stands beyond the agreed end of its incarnation (S1a).
    case beyondAgreedEnd(incarnation: Incarnation, end: Offset)
    /// A kind that this version does not know, or that it does not implement in this topic.
    case unknownKind(RecordKind)
    case malformed(String)
    /// A replica applied an older incarnation to another end than was agreed (S1a).
    case endDiffers(incarnation: Incarnation, applied: Offset, agreed: Offset)

    package var description: String {
        switch self {
        case .gap(let expected, let found): "record \(found.rawValue) follows \(expected.rawValue)"
        case .held(let incarnation, let end):
            "waits until incarnation \(String(incarnation.rawValue, radix: 16)) is applied to \(end.rawValue)"
        case .beyondAgreedEnd(let incarnation, let end):
            "incarnation \(String(incarnation.rawValue, radix: 16)) ends at \(end.rawValue): what follows is quarantined"
        case .unknownKind(let kind): "record kind \(kind.rawValue) is one that this version does not implement here"
        case .malformed(let what): "a record cannot be read: \(what)"
        case .endDiffers(let incarnation, let applied, let agreed):
            "incarnation \(String(incarnation.rawValue, radix: 16)) was applied to \(applied.rawValue); "
                + "its agreed end is \(agreed.rawValue)"
        }
    }
}
