// What StreamService stands on: effects, groups, and the tasks that its calls run in.

package import NodeEnvironment
package import Personalization

/// One a node.
package struct EffectDoor: Sendable {
    /// Calls of Subscribe that one node serves at a time; each holds a window of every partition that it reads.
    package static let standardSubscribers = 128

    let source: EffectSource
    let groups: StreamGroups
    let tasks: StreamTasks
    let maxSubscribers: Int
    /// What one client may have of subscribers and groups, in per cent.
    let clientPercent: Int

    package init(
        source: EffectSource, groups: StreamGroups, tasks: StreamTasks,
        maxSubscribers: Int = EffectDoor.standardSubscribers, clientPercent: Int = 100
    ) {
        self.source = source
        self.groups = groups
        self.tasks = tasks
        self.maxSubscribers = maxSubscribers
        self.clientPercent = clientPercent
    }
}
