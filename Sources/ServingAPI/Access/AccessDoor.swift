// The first thing that a call meets: whether its caller may make it.

package import NodeEnvironment

/// Stands before everything that a listener serves. Looks at the caller's certificate and at the method's number, before
/// any byte of a message is decoded.
package final class AccessDoor: CallHandler {
    package let methods: [String]
    package let streamingMethods: [String]
    private let needs: [AccessNeed?]
    private let streamingNeeds: [AccessNeed?]
    private let handler: any CallHandler
    private let control: AccessControl

    package init(_ handler: any CallHandler, _ control: AccessControl) {
        self.handler = handler
        self.control = control
        methods = handler.methods
        streamingMethods = handler.streamingMethods
        needs = methods.map(AccessTable.need)
        streamingNeeds = streamingMethods.map(AccessTable.need)
    }

    package func handle(_ call: UnaryCall) {
        // The transport numbers by `methods`; a number beyond it would be a defect of the transport's.
        guard needs.indices.contains(call.method) else {
            return call.fail(Refusal.notImplemented("the method").status)
        }
        if let refusal = control.refusal(of: call.peer, methods[call.method], needs[call.method]) {
            return call.fail(refusal.status)
        }
        handler.handle(call)
    }

    package func handle(_ call: StreamCall) {
        guard streamingNeeds.indices.contains(call.method) else {
            return call.fail(Refusal.notImplemented("the method").status)
        }
        if let refusal = control.refusal(of: call.peer, streamingMethods[call.method], streamingNeeds[call.method]) {
            return call.fail(refusal.status)
        }
        handler.handle(call)
    }
}
