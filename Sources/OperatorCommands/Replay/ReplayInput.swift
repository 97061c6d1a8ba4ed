// Where a replay's users come from, with errors for people.

package import Datasets
package import NodeEnvironment

/// Opens the input.
package enum ReplayInput {
    /// Deskdrop's users from `directory`, or generated ones without it. Blocks on the disk.
    package static func read(
        _ directory: String?, seed: UInt64, files: any FileStore
    ) throws(OperatorFailure) -> ReplaySource {
        do throws(DatasetError) {
            return try ReplaySource(directory: directory, seed: seed, files: files)
        } catch {
            throw OperatorFailure(
                .usage, "\(error)",
                nextStep: "give --data a directory with deskdrop/events.tsv, or leave it out for generated input")
        }
    }
}
