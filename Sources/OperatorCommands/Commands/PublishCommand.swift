// `meridian publish`: content items, one from the command line or many from a file.

package import ArgumentParser
import ClusterModel
import MeridianClient
import MeridianProtocol
import NodeEnvironment

/// Publishes one item, or every line of a tab-separated file.
package struct PublishCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "publish", abstract: "Publish content.",
        discussion: """
            Publishing an id again replaces it. A file has one item a line: id, title, language, category, separated by \
            tabs; the last two may be left out.
            """)

    @Argument(help: "The content item's id; or --file.") package var id: String?
    @Option(help: "The title.") package var title = ""
    @Option(help: "ISO 639 language, lower case; none is for everybody.") package var language = ""
    @Option(help: "The category.") package var category = ""
    @Option(help: "A country that may see it (ISO 3166); may be given again; none is everywhere.")
    package var country: [String] = []
    @Option(name: .customLong("age-rating"), help: "The youngest age that may see it.") package var ageRating: UInt32 =
        0
    @Option(name: .customLong("expires-in"), help: "Seconds until it expires; 0 is never.")
    package var expiresIn: UInt64 = 0
    @Option(help: "A tab-separated file of items.") package var file: String?
    @OptionGroup package var connection: ConnectionOptions
    @Flag(help: "Print one JSON object.") package var json = false

    package init() {}

    package func run() async throws {
        try await CommandRunner.run("publish") {
            let options = try connection.callOptions()
            try await HostRuntime.withClient(connection) { client, environment in
                let items = try items(environment)
                var published: UInt32 = 0
                for start in stride(from: 0, to: items.count, by: ItemFile.itemsPerCall) {
                    let end = min(start + ItemFile.itemsPerCall, items.count)
                    do throws(MeridianClientError) {
                        published += try await client.publish(Array(items[start..<end]), options: options).published
                    } catch {
                        throw OperatorFailure(error, doing: "publishing items \(start + 1) to \(end)")
                    }
                }
                Console.answer(
                    json ? JSONValue.object(["published": .count(published)]).text : "published \(published) items")
            }
        }
    }

    private func items(_ environment: NodeEnvironment) throws(OperatorFailure) -> [Meridian_V1_ContentItem] {
        let now = environment.clock.wallTime()
        switch (id, file) {
        case (let id?, nil):
            var item = Meridian_V1_ContentItem()
            item.contentID = id
            item.title = title
            item.language = language
            item.category = category
            item.countries = country
            item.ageRating = ageRating
            item.publishedAtMs = now.milliseconds
            if expiresIn > 0 { item.expiresAtMs = now.milliseconds &+ expiresIn &* 1_000 }
            return [item]
        case (nil, let file?): return try ItemFile.read(file, files: environment.files, publishedAt: now)
        default:
            throw OperatorFailure(.usage, "say what to publish", nextStep: "give an id, or --file")
        }
    }
}
