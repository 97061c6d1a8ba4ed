// Imports point down, along the edges of the table.

import Testing

@Suite struct LayerTests {
    @Test func everyEdgePointsDown() {
        for (target, imports) in LayerTable.edges {
            for other in imports.sorted() {
                // Inside a layer an edge must not close a circle: no target of the same layer imports back.
                let isDown = (LayerTable.layers[other] ?? .max) <= (LayerTable.layers[target] ?? .min)
                #expect(isDown, "\(target) imports \(other)")
                #expect(!reaches(other, target), "\(target) and \(other) import each other")
            }
        }
    }

    @Test func importsFollowTheTable() {
        let ours = Set(LayerTable.layers.keys)
        for file in SourceTree.files where !file.isTest {
            let allowed = LayerTable.edges[file.target] ?? []
            for module in Self.imports(of: file) where ours.contains(module) {
                #expect(allowed.contains(module), "\(file.path) imports \(module): not in LayerTable")
            }
        }
    }

    @Test func everySourceFolderIsInTheTable() {
        for file in SourceTree.files where !file.isTest {
            #expect(LayerTable.layers[file.target] != nil, "\(file.path): its target is not in LayerTable")
        }
    }

    @Test func everyEdgeOfTheTableStandsInTheManifest() {
        for (target, imports) in LayerTable.edges {
            for other in imports {
                #expect(SourceTree.manifest.contains("\"\(other)\""), "\(target) -> \(other)")
            }
        }
    }

    private static func imports(of file: SourceFile) -> [String] {
        file.lines.compactMap { line in
            let words = line.split(separator: " ")
            guard let place = words.firstIndex(of: "import"), place <= 2, place + 1 < words.count,
                !line.hasPrefix("//")
            else { return nil }
            return String(words[place + 1])
        }
    }

    private func reaches(_ start: String, _ goal: String) -> Bool {
        var open = [start]
        var seen: Set<String> = []
        while let next = open.popLast() {
            if next == goal { return true }
            if seen.insert(next).inserted { open += (LayerTable.edges[next] ?? []).sorted() }
        }
        return false
    }
}
