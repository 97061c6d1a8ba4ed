// Deskdrop rows as a catalogue and as visits.

import ClusterModel
package import NodeEnvironment

/// The whole log in memory (tens of megabytes at most: `DatasetLimits.events`), ready to replay.
package struct DeskdropReplay: Sendable {
    /// In the order of first sight.
    package private(set) var items: [CatalogueItem] = []
    /// In the order of their first interaction.
    package private(set) var steps: [ReplayStep] = []

    /// Reads and orders the log. The first event of an item stands for its publication, which the log does not have.
    /// Complexity: O(n log n) in rows. Blocks on the disk.
    package init(path: String, files: any FileStore) throws(DatasetError) {
        var reader = try DeskdropEvents(path: path, files: files)
        var events: [DeskdropEvent] = []
        while let event = try reader.next() {
            guard events.count < DatasetLimits.events else {
                throw DatasetError(.tooManyRows, path: path, "more than \(DatasetLimits.events) rows")
            }
            events.append(event)
        }
        // Rows of one second keep the file's order.
        let order = events.indices.sorted { (events[$0].occurredAt, $0) < (events[$1].occurredAt, $1) }
        collectItems(events, order)
        collectSteps(events, order)
    }

    private mutating func collectItems(_ events: [DeskdropEvent], _ order: [Int]) {
        var seen: Set<String> = []
        for index in order where seen.insert(events[index].contentID).inserted {
            let event = events[index]
            items.append(
                CatalogueItem(
                    id: event.contentID, title: "Article \(event.contentID)", publishedAt: event.occurredAt))
        }
    }

    /// A visit is one session of one person, cut at the step limit.
    private mutating func collectSteps(_ events: [DeskdropEvent], _ order: [Int]) {
        struct Session: Hashable {
            var person: String
            var session: String
        }
        var open: [Session: Int] = [:]
        var device: [String] = []
        var country: [String] = []
        for index in order {
            let event = events[index]
            let session = Session(person: event.personID, session: event.sessionID)
            let interaction = RecordedInteraction(
                action: event.action, contentID: event.contentID, occurredAt: event.occurredAt)
            if let step = open[session], steps[step].interactions.count < DatasetLimits.interactionsPerStep {
                steps[step].interactions.append(interaction)
            } else {
                open[session] = steps.count
                steps.append(ReplayStep(userID: event.personID, profile: nil, interactions: [interaction]))
                device.append(event.device)
                country.append(event.country)
            }
        }
        markProfileChanges(device, country)
    }

    private mutating func markProfileChanges(_ device: [String], _ country: [String]) {
        var known: [String: RecordedProfile] = [:]
        for index in steps.indices {
            let profile = RecordedProfile(country: country[index], device: device[index])
            if profile.isEmpty || known[steps[index].userID] == profile { continue }
            known[steps[index].userID] = profile
            steps[index].profile = profile
        }
    }
}
