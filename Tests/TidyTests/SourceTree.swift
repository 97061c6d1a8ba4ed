// The package's own files, as the tidy tests read them.

import Foundation

/// One source file of ours; generated code is left out.
struct SourceFile: Sendable {
    /// From the package's root.
    let path: String
    let lines: [String]

    var target: String {
        let parts = path.split(separator: "/").map(String.init)
        if parts.first == "Sources" { return parts.count > 1 ? parts[1] : "" }
        return parts.count > 2 && parts[1] == "Support" ? parts[2] : parts.count > 1 ? parts[1] : ""
    }

    var isTest: Bool { path.hasPrefix("Tests/") }
}

enum SourceTree {
    static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    static let manifest = text(of: "Package.swift")

    static let files: [SourceFile] = ["Sources", "Tests"].flatMap { folder in
        let base = root.appending(path: folder)
        let paths = FileManager.default.enumerator(atPath: base.path)?.compactMap { $0 as? String } ?? []
        return paths.filter { $0.hasSuffix(".swift") && !$0.contains("Generated/") }.sorted().map { path in
            SourceFile(
                path: "\(folder)/\(path)",
                lines: text(of: "\(folder)/\(path)").split(separator: "\n", omittingEmptySubsequences: false).map(
                    String.init))
        }
    }

    /// Pages for people: rules, decisions, runbooks, what changed.
    static let pages: [SourceFile] = {
        let paths = ["Sources", "Tests", "Runbooks"].flatMap { folder in
            let found = FileManager.default.enumerator(atPath: root.appending(path: folder).path)
            return (found?.compactMap { $0 as? String } ?? []).map { "\(folder)/\($0)" }
        }
        return (["README.md", "CHANGELOG.md"] + paths.sorted()).filter { $0.hasSuffix(".md") }.map { path in
            let lines = text(of: path).split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
            return SourceFile(path: path, lines: lines)
        }
    }()

    static func text(of path: String) -> String {
        (try? String(contentsOf: root.appending(path: path), encoding: .utf8)) ?? ""  // empty: the tests then fail
    }
}
