// A logarithm that is the same on every machine: mathematics libraries differ in the last bit, and replicas rank alike.

/// Additions, multiplications and one division, each rounded as IEEE 754 says; never fused.
enum PortableLogarithm {
    /// log2(1 + x) to 1e-6; 0 for what is negative or not a number. `x` at most 1e30.
    static func ofOnePlus(_ x: Float) -> Float {
        guard x > 0 else { return 0 }
        let value = 1 + min(x, 1e30)
        // value = mantissa * 2^exponent with the mantissa around 1.
        var exponent = Float(Int(value.bitPattern >> 23) - 127)
        var mantissa = Float(bitPattern: value.bitPattern & 0x007f_ffff | 0x3f80_0000)
        if mantissa > 1.414_213_5 {
            mantissa *= 0.5
            exponent += 1
        }
        // ln(m) = 2 (s + s^3/3 + s^5/5 + s^7/7 + ...) with s = (m - 1) / (m + 1).
        let s = (mantissa - 1) / (mantissa + 1)
        let square = s * s
        let series = 1 + square * (1 / 3 + square * (1 / 5 + square * (1 / 7)))
        return exponent + twoOverLn2 * s * series
    }

    private static let twoOverLn2: Float = 2.885_390_1
}
