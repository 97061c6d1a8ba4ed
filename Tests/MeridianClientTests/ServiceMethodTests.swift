// The list of methods against the .proto files.

import Foundation
import Testing

@testable import MeridianClient

@Suite struct ServiceMethodTests {
    private static let listed = [
        ServiceMethod.nextContent.path, ServiceMethod.explain.path, ServiceMethod.report.path,
        ServiceMethod.publish.path, ServiceMethod.withdraw.path, ServiceMethod.getContent.path,
        ServiceMethod.listContent.path, ServiceMethod.updateProfile.path, ServiceMethod.getProfile.path,
        ServiceMethod.erase.path, ServiceMethod.setConsent.path, ServiceMethod.sendBeacons.path,
        ServiceMethod.popular.path, ServiceMethod.contentStats.path, ServiceMethod.status.path,
        ServiceMethod.digest.path, ServiceMethod.drain.path, ServiceMethod.resume.path, ServiceMethod.evacuate.path,
        ServiceMethod.logStats.path, ServiceMethod.commitCursor.path, ServiceMethod.listGroups.path,
        ServiceMethod.forgetGroup.path,
    ]

    @Test func everyUnaryMethodOfTheProtocolIsListed() throws {
        let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appending(path: "Sources/MeridianProtocol/proto/meridian/v1")
        var declared: Set<String> = []
        for name in try FileManager.default.contentsOfDirectory(atPath: folder.path) where name.hasSuffix(".proto") {
            var service = ""
            for line in try String(contentsOf: folder.appending(path: name), encoding: .utf8).split(separator: "\n") {
                let words = line.split(whereSeparator: { " ({".contains($0) })
                if words.first == "service", words.count > 1 { service = String(words[1]) }
                if words.first == "rpc", words.count > 1, !line.contains("stream") {
                    declared.insert("/meridian.v1.\(service)/\(words[1])")
                }
            }
        }
        #expect(declared == Set(Self.listed))
    }
}
