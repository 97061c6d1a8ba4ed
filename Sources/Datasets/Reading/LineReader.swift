// Lines of a text file, a chunk at a time.

package import NodeEnvironment

/// Reads UTF-8 lines ended by LF or CR LF; the last line may lack its end. Memory is one chunk and one line. Blocks on
/// the disk.
package struct LineReader: ~Copyable {
    private let file: any StoredFile
    private let path: String
    private var position: UInt64 = 0
    private var chunk: [UInt8] = []
    private var next = 0
    /// The number of the line returned last, from 1.
    package private(set) var lineNumber = 0

    package init(path: String, files: any FileStore) throws(DatasetError) {
        self.path = path
        do {
            file = try files.open(path, .read)
        } catch {
            throw DatasetError(.unreadable, path: path, "\(error)")
        }
    }

    deinit { file.close() }

    /// The next line without its end, nil after the last.
    package mutating func nextLine() throws(DatasetError) -> String? {
        var line: [UInt8] = []
        var sawBytes = false
        while try fill() {
            sawBytes = true
            let end = chunk[next...].firstIndex(of: UInt8(ascii: "\n")) ?? chunk.endIndex
            line += chunk[next..<end]
            guard line.count <= DatasetLimits.lineBytes else {
                throw failure(.lineTooLong, "more than \(DatasetLimits.lineBytes) bytes", at: lineNumber + 1)
            }
            next = min(end + 1, chunk.count)
            if end < chunk.endIndex { return try finish(line) }
        }
        return sawBytes ? try finish(line) : nil
    }

    /// An error at the line returned last.
    package func failure(_ code: DatasetError.Code, _ message: String) -> DatasetError {
        failure(code, message, at: lineNumber)
    }

    private func failure(_ code: DatasetError.Code, _ message: String, at line: Int) -> DatasetError {
        DatasetError(code, path: path, line: line, message)
    }

    private mutating func finish(_ line: [UInt8]) throws(DatasetError) -> String {
        lineNumber += 1
        let body = line.last == UInt8(ascii: "\r") ? line.dropLast() : line[...]
        guard let text = String(validating: body, as: UTF8.self) else {
            throw failure(.notUTF8, "the bytes of this line are not UTF-8")
        }
        return text
    }

    /// Whether a byte is there to be read.
    private mutating func fill() throws(DatasetError) -> Bool {
        if next < chunk.count { return true }
        do {
            chunk = try file.read(at: position, count: DatasetLimits.chunkBytes)
        } catch {
            throw failure(.unreadable, "\(error)", at: lineNumber + 1)
        }
        next = 0
        position += UInt64(chunk.count)
        return !chunk.isEmpty
    }
}
