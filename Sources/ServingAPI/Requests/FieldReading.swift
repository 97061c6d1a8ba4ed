// Fields that several requests have, checked against the bounds of their comments.

import ClusterModel
import MeridianProtocol
import Personalization
import SwiftProtobuf

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// Each function returns the domain's value or throws the refusal that names the field.
enum FieldReading {
    static func user(_ id: String) throws(Refusal) -> UserKey {
        guard RequestBounds.userIDBytes.contains(id.utf8.count) else {
            throw .outOfBounds("user_id", "1 to 256 bytes")
        }
        return UserKey(userID: id)
    }

    static func surface(_ value: Meridian_V1_Surface, _ field: @autoclosure () -> String) throws(Refusal) -> Surface {
        guard let surface = surface(value) else { throw .outOfBounds(field(), "not a surface of this version") }
        return surface
    }

    /// Nil for one that this version does not know.
    static func surface(_ value: Meridian_V1_Surface) -> Surface? {
        switch value {
        case .unspecified: .unknown
        case .lockScreen: .lockScreen
        case .feed: .feed
        case .widget: .widget
        case .UNRECOGNIZED: nil
        }
    }

    /// A BCP 47 tag in the catalogue's form; nil for an empty text.
    static func language(_ text: String, _ field: @autoclosure () -> String) throws(Refusal) -> LanguageTag? {
        guard !text.isEmpty else { return nil }
        guard let tag = LanguageTag(text) else {
            throw .outOfBounds(field(), "a BCP 47 tag of a language, such as en, pt-BR or zh-Hant")
        }
        return tag
    }

    /// ISO 3166 alpha-2 in upper case, or empty.
    static func country(_ text: String, _ field: @autoclosure () -> String) throws(Refusal) -> String {
        guard !text.isEmpty else { return "" }
        guard let country = country(text) else { throw .outOfBounds(field(), "ISO 3166 alpha-2") }
        return country
    }

    /// In upper case; nil for what is not two letters.
    static func country(_ text: String) -> String? {
        let isCode =
            text.utf8.count == 2
            && text.utf8.allSatisfy { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0 & ~0x20) }
        return isCode ? text.uppercased() : nil
    }

    static func contentID(_ id: String, _ field: @autoclosure () -> String) throws(Refusal) -> String {
        guard RequestBounds.contentIDBytes.contains(id.utf8.count) else {
            throw .outOfBounds(field(), "1 to 128 bytes")
        }
        return id
    }

    static func time(_ milliseconds: UInt64, _ field: @autoclosure () -> String) throws(Refusal) -> WallTime {
        guard milliseconds <= RequestBounds.milliseconds else {
            throw .outOfBounds(field(), "milliseconds since 1970 of at most 48 bits")
        }
        return WallTime(milliseconds: milliseconds)
    }

    /// Nil for an absent id.
    static func eventID(_ id: Meridian_V1_EventID, isPresent: Bool) -> EventID? {
        isPresent ? EventID(time: id.time, client: id.client) : nil
    }

    /// 16 bytes, or none.
    static func slate(_ bytes: Data, _ field: @autoclosure () -> String) throws(Refusal) -> Digest128 {
        guard !bytes.isEmpty else { return .zero }
        guard bytes.count == RequestBounds.slateIDBytes else { throw .outOfBounds(field(), "16 bytes, or empty") }
        let words = unsafe bytes.withUnsafeBytes { raw in
            unsafe (raw.loadUnaligned(as: UInt64.self), raw.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
        }
        return Digest128(high: words.0.bigEndian, low: words.1.bigEndian)
    }

    /// Absent means `standard`; a level of UNSPECIFIED means LOCAL (S11).
    static func durability(
        _ message: Meridian_V1_Durability, isPresent: Bool, standard: RequestedDurability, otherRegions: Int
    ) throws(Refusal) -> RequestedDurability {
        guard isPresent else { return standard }
        guard message.unknownFields.data.isEmpty else { throw .unknownField(in: "durability") }
        if message.level == .remote {
            guard RequestBounds.remoteRegions.contains(message.regions) else {
                throw .outOfBounds("durability.regions", "1 to 15 with REMOTE")
            }
            guard message.regions <= otherRegions else { throw .notEnoughRegions(available: otherRegions) }
            return .remote(regions: Int(message.regions))
        }
        guard message.regions == 0 else { throw .outOfBounds("durability.regions", "only with REMOTE") }
        switch message.level {
        case .unspecified, .local: return .local
        case .buffered: return .buffered
        case .remote, .UNRECOGNIZED: throw .outOfBounds("durability.level", "not a level of this version")
        }
    }
}
