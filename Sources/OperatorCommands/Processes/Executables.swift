// Where this command's own executable lies.

import Glibc

/// Paths of executables that are installed together.
package enum Executables {
    /// `name` in the directory of the running executable.
    package static func beside(_ name: String) throws(OperatorFailure) -> String {
        var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
        let length = unsafe readlink("/proc/self/exe", &buffer, buffer.count)
        guard length > 0 else {
            throw OperatorFailure(.usage, "this executable's path cannot be read (errno \(errno))")
        }
        let path = String(decoding: buffer[..<length].map { UInt8(bitPattern: $0) }, as: UTF8.self)
        guard let slash = path.lastIndex(of: "/") else { return name }
        return "\(path[..<slash])/\(name)"
    }
}
