// `apply` for one user: a function of (state, event id, body) and of nothing else (S3).

import ClusterModel
package import MergeableState

extension UserState {
    /// Folds one event. `isNew` says that the id index had not seen (id, body): only then do sums count it (S5);
    /// registers and sets merge every copy.
    package mutating func apply(_ event: UserEvent, by order: MergeOrder, isNew: Bool) {
        switch event {
        case .interaction(let interaction): apply(interaction, by: order, isNew: isNew)
        case .profile(let profile): apply(profile, by: order)
        case .consent(let consent):
            switch consent.change {
            case .withdrawal(let replaced): self.consent.withdraw(order.id, replacing: replaced)
            case .grant(let cancelled):
                self.consent.grant(order.id, cancelling: cancelled, erasedUpTo: erasedUpTo)
            }
        case .erase(let erase): self.erase(upTo: erase.cut)
        case .beacon, .served: break
        }
    }

    private mutating func apply(_ event: InteractionEvent, by order: MergeOrder, isNew: Bool) {
        if order.isAfter(erasedUpTo) {
            let content = ContentKey(contentID: event.contentID)
            if event.kind.isAction {
                actions.insert(
                    Action(content: content, category: event.attributes?.category ?? 0, kind: event.kind), by: order)
            } else {
                seen.insert(content, by: order)
            }
        }
        guard isNew, let attributes = event.attributes, event.kind.weight != 0 else { return }
        let time = order.id.wallTime
        guard countsInterest(at: time) else { return }
        if attributes.category != 0 { categories.add(event.kind.weight, to: attributes.category, at: time) }
        if !attributes.language.isEmpty { languages.add(event.kind.weight, to: attributes.language, at: time) }
    }

    private mutating func apply(_ event: ProfileEvent, by order: MergeOrder) {
        guard order.isAfter(erasedUpTo) else { return }
        if let value = event.language { language.write(value, by: order) }
        if let value = event.country { country.write(value, by: order) }
        if let value = event.deviceModel { deviceModel.write(value, by: order) }
        if let value = event.maxAgeRating { maxAgeRating.write(value, by: order) }
    }

    /// S9: the highest cut wins; what it covers goes, whether it came before or comes after.
    private mutating func erase(upTo cut: WallTime) {
        if let erasedUpTo, erasedUpTo >= cut { return }
        erasedUpTo = cut
        language.erase(upTo: cut)
        country.erase(upTo: cut)
        deviceModel.erase(upTo: cut)
        maxAgeRating.erase(upTo: cut)
        actions.erase(upTo: cut)
        seen.erase(upTo: cut)
        categories.erase(upTo: cut)
        languages.erase(upTo: cut)
        consent.erase(upTo: cut)
    }

    /// Nothing that the cut covers can come any more.
    mutating func forgetErasure() { erasedUpTo = nil }

    /// S9: a bucket counts only when it starts after the cut.
    private func countsInterest(at time: WallTime) -> Bool {
        guard let erasedUpTo else { return true }
        let width = StateLimits.interestBucket.wholeMilliseconds
        return time.milliseconds / width * width > erasedUpTo.milliseconds
    }
}
