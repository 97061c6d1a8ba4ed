"""Just enough of protobuf for the interoperability messages: no generated code, no library.

A schema is {field number: (name, kind)}; kind is "int", "bool", "bytes", "text", a schema, or a list of one schema.
"""


def varint(value):
    value &= (1 << 64) - 1
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def encode(schema, message):
    out = b""
    for number, (name, kind) in sorted(schema.items()):
        if name not in message:
            continue
        values = message[name] if isinstance(kind, list) else [message[name]]
        for value in values:
            if kind in ("int", "bool"):
                out += varint(number << 3) + varint(int(value))
                continue
            if kind == "text":
                value = value.encode()
            elif kind != "bytes":
                value = encode(kind[0] if isinstance(kind, list) else kind, value)
            out += varint(number << 3 | 2) + varint(len(value)) + value
    return out


def decode(schema, data):
    message, at = {}, 0

    def read():
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    while at < len(data):
        tag = read()
        value = read()
        if tag & 7 == 2:
            value, at = data[at : at + value], at + value
        name, kind = schema.get(tag >> 3, (None, None))
        if name is None:
            continue
        if isinstance(kind, list):
            message.setdefault(name, []).append(decode(kind[0], value))
        else:
            if kind == "text":
                value = value.decode()
            elif kind == "bool":
                value = bool(value)
            elif isinstance(kind, dict):
                value = decode(kind, value)
            message[name] = value
    return message


FLAG = {1: ("value", "bool")}
PAYLOAD = {1: ("type", "int"), 2: ("body", "bytes")}
STATUS = {1: ("code", "int"), 2: ("message", "text")}
PARAMETERS = {1: ("size", "int"), 2: ("interval_us", "int"), 3: ("compressed", FLAG)}
SIMPLE_REQUEST = {
    2: ("response_size", "int"), 3: ("payload", PAYLOAD), 6: ("response_compressed", FLAG),
    7: ("response_status", STATUS), 8: ("expect_compressed", FLAG),
}
SIMPLE_RESPONSE = {1: ("payload", PAYLOAD)}
INPUT_REQUEST = {1: ("payload", PAYLOAD), 2: ("expect_compressed", FLAG)}
INPUT_RESPONSE = {1: ("aggregated_payload_size", "int")}
OUTPUT_REQUEST = {2: ("response_parameters", [PARAMETERS]), 3: ("payload", PAYLOAD), 7: ("response_status", STATUS)}
OUTPUT_RESPONSE = {1: ("payload", PAYLOAD)}


def zeros(count):
    return {"body": bytes(count)} if count else {}


def size(message):
    return len(message.get("payload", {}).get("body", b""))
