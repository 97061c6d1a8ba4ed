"""Calls the echo service of the transport's tests with the stock Python gRPC library.

usage: conformance.py HOST:PORT [CA CERTIFICATE KEY]

Prints one line a check, "ok NAME" or "failed NAME: REASON"; ends with status 0 when all passed.
"""

import concurrent.futures
import sys

import grpc

LIMITS = [("grpc.max_receive_message_length", 8 << 20), ("grpc.max_send_message_length", 8 << 20)]


def connect(arguments):
    if len(arguments) == 1:
        return grpc.insecure_channel(arguments[0], options=LIMITS)
    pem = [open(path, "rb").read() for path in arguments[1:]]
    credentials = grpc.ssl_channel_credentials(pem[0], pem[2], pem[1])
    return grpc.secure_channel(arguments[0], credentials, options=LIMITS)


def method(channel, name):
    return channel.unary_unary("/test.Echo/" + name)


def failure(call, *arguments, **options):
    try:
        call(*arguments, **options)
    except grpc.RpcError as error:
        return error
    raise AssertionError("the call did not fail")


def check_ok(channel):
    assert method(channel, "Echo")(b"hello", timeout=20) == b"hello"
    assert method(channel, "Echo")(b"", timeout=20) == b""
    assert method(channel, "Elsewhere")(b"hop") == b"hop"


def check_error(channel):
    error = failure(method(channel, "Fail"), "100% grün\n".encode(), timeout=20)
    assert error.code() == grpc.StatusCode.FAILED_PRECONDITION, error.code()
    assert error.details() == "100% grün\n", error.details()
    details = dict(error.trailing_metadata())["grpc-status-details-bin"]
    assert details == b"\x01\x02\xff", details


def check_metadata(channel):
    sent = [("x-text", "plain"), ("x-raw-bin", bytes(range(256))), ("x-raw-bin", b"")]
    _, call = method(channel, "Echo").with_call(b"", metadata=sent, timeout=20)
    received = [(name, value) for name, value in call.trailing_metadata()]
    assert received == sent, received


def check_unimplemented(channel):
    error = failure(method(channel, "Nothing"), b"", timeout=20)
    assert error.code() == grpc.StatusCode.UNIMPLEMENTED, error.code()


def check_cancel(channel):
    call = method(channel, "Hang").future(b"", timeout=20)
    call.cancel()
    assert call.cancelled()
    assert method(channel, "Echo")(b"after", timeout=20) == b"after"


def check_deadline(channel):
    error = failure(method(channel, "Hang"), b"", timeout=0.05)
    assert error.code() == grpc.StatusCode.DEADLINE_EXCEEDED, error.code()


def check_large(channel):
    message = bytes(range(256)) * 12_000
    assert method(channel, "Echo")(message, timeout=20) == message


def check_too_large(channel):
    error = failure(method(channel, "Echo"), b"x" * ((4 << 20) + 1), timeout=20)
    assert error.code() == grpc.StatusCode.RESOURCE_EXHAUSTED, error.code()
    assert method(channel, "Echo")(b"after", timeout=20) == b"after"


def check_many(channel):
    call = method(channel, "Echo")
    futures = [call.future(str(number).encode(), timeout=20) for number in range(500)]
    for number, future in enumerate(futures):
        assert future.result() == str(number).encode()


def check_threads(channel):
    call = method(channel, "Elsewhere")
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = pool.map(lambda number: call(str(number).encode(), timeout=20), range(200))
        assert list(answers) == [str(number).encode() for number in range(200)]


def main():
    failed = 0
    with connect(sys.argv[1:]) as channel:
        for name, check in sorted(globals().items()):
            if not name.startswith("check_"):
                continue
            try:
                check(channel)
                print("ok", name)
            except Exception as error:
                failed += 1
                print("failed", name + ":", repr(error))
    sys.exit(1 if failed else 0)


main()
