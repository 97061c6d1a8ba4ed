// What simulated users are shown and what they do with it: the same for one node and for several regions.

import ClusterModel
import MeridianClient
import MeridianProtocol
import NodeEnvironment

enum SimulatedContent {
    /// The catalogue: "c0" and so on.
    static func items(_ count: Int) -> [Meridian_V1_ContentItem] {
        (0..<count).map { number in
            var item = Meridian_V1_ContentItem()
            item.contentID = "c\(number)"
            item.title = "title \(number)"
            item.language = ["en", "de", "hi"][number % 3]
            item.category = "category-\(number % 5)"
            return item
        }
    }

    /// Something that happened to one of `count` items, rather to one of `seen` where there are any.
    static func event(
        by client: MeridianClient, of count: Int, seen: [Meridian_V1_ContentSuggestion],
        _ generator: inout SeededGenerator
    ) -> Meridian_V1_Interaction {
        var event = Meridian_V1_Interaction()
        event.id = client.makeEventID()
        event.kind = [.impression, .click, .like, .share, .dismiss][Int(generator.next() % 5)]
        event.contentID = "c\(generator.next() % UInt64(count))"
        if !seen.isEmpty {
            let item = seen[Int(generator.next() % UInt64(seen.count))]
            event.contentID = item.contentID
            event.itemToken = item.itemToken
            event.slot = item.slot
        }
        event.occurredAtMs = client.serverTimeMilliseconds
        return event
    }
}
