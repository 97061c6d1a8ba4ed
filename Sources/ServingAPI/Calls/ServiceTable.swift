// One handler made of several: a listener has one, a node has several rooms that serve calls.

package import NodeEnvironment

/// Why handlers cannot stand in one table.
package enum ServiceTableError: Error, Hashable, CustomStringConvertible {
    case duplicateMethod(String)
    case tooManyMethods(Int)

    package var description: String {
        switch self {
        case .duplicateMethod(let path): "two handlers serve \(path)"
        case .tooManyMethods(let count): "\(count) methods; at most \(Int16.max) fit into one table"
        }
    }
}

/// The methods of several handlers under one numbering, in the order given. Put the busiest handler first: its calls
/// keep their numbers and are passed on as they are.
package final class ServiceTable: CallHandler {
    package let methods: [String]
    package let streamingMethods: [String]
    private let routes: [(handler: any CallHandler, method: Int)]
    private let streamingRoutes: [(handler: any CallHandler, method: Int)]

    /// Throws when two handlers serve one method, or there are more than a call can number.
    package init(_ handlers: [any CallHandler]) throws(ServiceTableError) {
        var methods: [String] = []
        var routes: [(handler: any CallHandler, method: Int)] = []
        var streamingMethods: [String] = []
        var streamingRoutes: [(handler: any CallHandler, method: Int)] = []
        var seen: Set<String> = []
        for handler in handlers {
            for (method, path) in handler.methods.enumerated() {
                guard seen.insert(path).inserted else { throw .duplicateMethod(path) }
                methods.append(path)
                routes.append((handler, method))
            }
            for (method, path) in handler.streamingMethods.enumerated() {
                guard seen.insert(path).inserted else { throw .duplicateMethod(path) }
                streamingMethods.append(path)
                streamingRoutes.append((handler, method))
            }
        }
        guard seen.count <= Int16.max else { throw .tooManyMethods(seen.count) }
        self.methods = methods
        self.routes = routes
        self.streamingMethods = streamingMethods
        self.streamingRoutes = streamingRoutes
    }

    package func handle(_ call: UnaryCall) {
        // The transport numbers by `methods`; a number beyond it would be a defect of the transport's.
        guard routes.indices.contains(call.method) else {
            return call.fail(Refusal.notImplemented("the method").status)
        }
        let route = routes[call.method]
        route.handler.handle(call.method == route.method ? call : call.renumbered(to: route.method))
    }

    package func handle(_ call: StreamCall) {
        guard streamingRoutes.indices.contains(call.method) else {
            return call.fail(Refusal.notImplemented("the method").status)
        }
        let route = streamingRoutes[call.method]
        route.handler.handle(call.renumbered(to: route.method))
    }
}
