// A start in a directory that holds nothing yet, and how it is told from a disk that is not mounted: by nobody but a person,
// who therefore hears of it.

import EventLog
package import NodeEnvironment

/// What there is to say where `log.directory` is missing or empty. Among peers that is rare, and what an unmounted disk looks
/// like: the region would start from nothing while everything that it wrote lies elsewhere. A value.
package struct FirstStart: Hashable, Sendable, CustomStringConvertible {
    private let directory: String
    private let isAbsent: Bool
    private let peers: [String]

    /// Nil where the directory is somebody's already.
    init?(_ found: DirectorySurvey.Finding, _ configuration: NodeConfiguration) {
        switch found {
        case .absent: isAbsent = true
        case .empty: isAbsent = false
        case .identified: return nil
        }
        directory = configuration.log.directory
        peers = configuration.peers.map(\.region)
    }

    /// Looks without changing anything. Nil where the directory is this node's already. Throws NodeError where a start would be
    /// refused for what is there, for its rights, or for its room. Blocks on the disk.
    package static func look(
        _ configuration: NodeConfiguration, files: any FileStore
    ) throws(NodeError) -> FirstStart? {
        do throws(DirectoryRefusal) {
            let survey = DirectorySurvey(configuration.log.directory, files: files)
            let found = try survey.look(expecting: configuration.directoryIdentity)
            try survey.checkWritable()
            try survey.checkSpace(NodeRecoveryRun.neededBytes(configuration))
            return FirstStart(found, configuration)
        } catch {
            throw NodeError(error)
        }
    }

    /// Whether it may be a mistake: a region among others that begins with nothing.
    var isSuspicious: Bool { !peers.isEmpty }

    package var description: String {
        let place = isAbsent ? "\(directory) is not there and is made" : "\(directory) is empty"
        guard isSuspicious else { return "first start: \(place)" }
        return
            "first start: \(place), while regions \(peers.joined(separator: ", ")) are configured. If this node has run "
            + "before, its disk is not mounted, or log.directory is wrong: stop it and mend that; a start on a new disk gets "
            + "back what the other regions hold, and nothing else"
    }
}
