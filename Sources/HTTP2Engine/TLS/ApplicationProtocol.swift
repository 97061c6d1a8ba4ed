// ALPN (RFC 7301): the one protocol that is spoken over TLS.

import COpenSSL

enum ApplicationProtocol {
    /// As ALPN lists it: length, then the name.
    static let offer: [UInt8] = [2, UInt8(ascii: "h"), UInt8(ascii: "2")]

    /// Picks h2 out of a client's offer, and refuses the handshake when it is not there.
    static let select: SSL_CTX_alpn_select_cb_func = { _, selected, selectedCount, offer, offerCount, _ in
        guard let offer = unsafe offer, let selected = unsafe selected, let selectedCount = unsafe selectedCount else {
            return SSL_TLSEXT_ERR_ALERT_FATAL
        }
        var position = 0
        while position < Int(offerCount) {
            let length = Int(unsafe offer[position])
            guard position + 1 + length <= Int(offerCount) else { break }
            if length == 2, unsafe offer[position + 1] == UInt8(ascii: "h"),
                unsafe offer[position + 2] == UInt8(ascii: "2")
            {
                unsafe selected.pointee = offer + position + 1
                unsafe selectedCount.pointee = 2
                return SSL_TLSEXT_ERR_OK
            }
            position += 1 + length
        }
        return SSL_TLSEXT_ERR_ALERT_FATAL
    }

    /// Whether a connection has agreed on h2: a peer that sends no ALPN at all is not refused by OpenSSL.
    static func isAgreed(on connection: OpaquePointer) -> Bool {
        var name: UnsafePointer<UInt8>?
        var count: UInt32 = 0
        unsafe SSL_get0_alpn_selected(connection, &name, &count)
        guard count == 2, let name = unsafe name else { return false }
        return unsafe name[0] == UInt8(ascii: "h") && name[1] == UInt8(ascii: "2")
    }
}
