// The line reader: bounded, whatever the file holds.

import HostEnvironment
import NodeEnvironment
import Testing

@testable import Datasets

@Suite struct LineReaderTests {
    private func lines(_ text: String) throws -> [String] {
        let files = try DataFiles()
        var reader = try LineReader(path: files.write("lines", text), files: files.store)
        var lines: [String] = []
        while let line = try reader.nextLine() { lines.append(line) }
        return lines
    }

    @Test func endsOfLines() throws {
        #expect(try lines("") == [])
        #expect(try lines("a") == ["a"])
        #expect(try lines("a\r\n\nb\n") == ["a", "", "b"])
    }

    @Test func linesAcrossChunks() throws {
        let long = String(repeating: "x", count: DatasetLimits.lineBytes)
        let many = Array(repeating: long, count: 9)
        #expect(try lines(many.joined(separator: "\n")) == many)
    }

    @Test func aLineBeyondTheLimitIsRefusedWithItsNumber() throws {
        let error = try #require(throws: DatasetError.self) {
            try lines("ok\n" + String(repeating: "x", count: DatasetLimits.lineBytes + 1))
        }
        #expect(error.code == .lineTooLong && error.line == 2)
    }

    @Test func bytesThatAreNotUTF8AreRefused() throws {
        let files = try DataFiles()
        let path = try files.write("bad", "ok\n")
        let file = try files.store.open(path, .readWrite)
        try file.write([0xff, 0xfe, 0x0a], at: 3)
        file.close()
        var reader = try LineReader(path: path, files: files.store)
        _ = try reader.nextLine()
        do {
            _ = try reader.nextLine()
            Issue.record("bad bytes were read as text")
        } catch {
            #expect(error.code == .notUTF8 && error.line == 2)
        }
    }

    @Test func aMissingFileSaysItsPath() throws {
        let files = try DataFiles()
        do {
            _ = try LineReader(path: "\(files.directory)/none", files: files.store)
            Issue.record("a missing file was opened")
        } catch {
            #expect(error.code == .unreadable && error.path.hasSuffix("/none"))
        }
    }
}
