"""The interoperability test cases with the stock Python gRPC library. usage: interop_client.py HOST:PORT

Prints one line a case, "ok NAME" or "failed NAME: REASON"; ends with status 0 when all passed.
"""

import queue
import sys

import grpc

import wire

SERVICE = "/grpc.testing.TestService/"
REQUESTS, RESPONSES = [27182, 8, 1828, 45904], [31415, 9, 2653, 58979]
LARGE = wire.encode(wire.SIMPLE_REQUEST, {"response_size": 314159, "payload": wire.zeros(271828)})
INITIAL, TRAILING = "x-grpc-test-echo-initial", "x-grpc-test-echo-trailing-bin"


def failure(call):
    try:
        result = call()
        if hasattr(result, "__next__"):
            list(result)
    except grpc.RpcError as error:
        return error
    raise AssertionError("the call did not fail")


def duplex(response, payload=0, **more):
    request = {"response_parameters": [{"size": response, **more}], "payload": wire.zeros(payload)}
    return wire.encode(wire.OUTPUT_REQUEST, request)


def sizes(responses):
    return [wire.size(wire.decode(wire.OUTPUT_RESPONSE, data)) for data in responses]


def inputs(*requests):
    return iter(
        [wire.encode(wire.INPUT_REQUEST, {"payload": wire.zeros(size), **more}) for size, more in requests])


def large(data):
    response = wire.decode(wire.SIMPLE_RESPONSE, data)
    assert response["payload"]["body"] == bytes(314159), len(data)


def case_empty_unary(channel):
    assert channel.unary_unary(SERVICE + "EmptyCall")(b"", timeout=20) == b""


def case_large_unary(channel):
    large(channel.unary_unary(SERVICE + "UnaryCall")(LARGE, timeout=20))


def case_client_compressed_unary(channel):
    call = channel.unary_unary(SERVICE + "UnaryCall")
    expected = LARGE + wire.encode(wire.SIMPLE_REQUEST, {"expect_compressed": {"value": True}})
    error = failure(lambda: call(expected, timeout=20))
    assert error.code() == grpc.StatusCode.INVALID_ARGUMENT, error
    large(call(expected, timeout=20, compression=grpc.Compression.Gzip))
    # On the server's unary path too.
    assert channel.unary_unary(SERVICE + "EmptyCall")(bytes(10_000), compression=grpc.Compression.Gzip) == b""


def case_unknown_compression(channel):
    error = failure(lambda: channel.unary_unary(SERVICE + "UnaryCall")(
        LARGE, timeout=20, compression=grpc.Compression.Deflate))
    assert error.code() == grpc.StatusCode.UNIMPLEMENTED, error


def case_server_compressed_unary(channel):
    request = LARGE + wire.encode(wire.SIMPLE_REQUEST, {"response_compressed": {"value": True}})
    large(channel.unary_unary(SERVICE + "UnaryCall")(request, timeout=20))


def case_client_streaming(channel):
    call = channel.stream_unary(SERVICE + "StreamingInputCall")
    data = call(inputs(*[(size, {}) for size in REQUESTS]), timeout=20)
    assert wire.decode(wire.INPUT_RESPONSE, data) == {"aggregated_payload_size": 74922}, data


def case_client_compressed_streaming(channel):
    call = channel.stream_unary(SERVICE + "StreamingInputCall")
    flag = {"expect_compressed": {"value": True}}
    error = failure(lambda: call(inputs((27182, flag)), timeout=20))
    assert error.code() == grpc.StatusCode.INVALID_ARGUMENT, error
    data = call(inputs((27182, flag), (45904, flag)), timeout=20, compression=grpc.Compression.Gzip)
    assert wire.decode(wire.INPUT_RESPONSE, data) == {"aggregated_payload_size": 73086}, data


def case_server_streaming(channel):
    request = wire.encode(wire.OUTPUT_REQUEST, {"response_parameters": [{"size": size} for size in RESPONSES]})
    assert sizes(channel.unary_stream(SERVICE + "StreamingOutputCall")(request, timeout=20)) == RESPONSES


def case_server_compressed_streaming(channel):
    parameters = [{"size": 31415, "compressed": {"value": True}}, {"size": 92653, "compressed": {"value": False}}]
    request = wire.encode(wire.OUTPUT_REQUEST, {"response_parameters": parameters})
    assert sizes(channel.unary_stream(SERVICE + "StreamingOutputCall")(request, timeout=20)) == [31415, 92653]


def case_ping_pong(channel):
    pipe = queue.Queue()
    responses = channel.stream_stream(SERVICE + "FullDuplexCall")(iter(pipe.get, None), timeout=20)
    for request, response in zip(REQUESTS, RESPONSES):
        pipe.put(duplex(response, request))
        assert sizes([next(responses)]) == [response]
    pipe.put(None)
    assert list(responses) == []


def case_empty_stream(channel):
    assert list(channel.stream_stream(SERVICE + "FullDuplexCall")(iter([]), timeout=20)) == []


def case_custom_metadata(channel):
    metadata = [(INITIAL, "test_initial_metadata_value"), (TRAILING, b"\xab\xab\xab")]

    def check(call):
        assert dict(call.initial_metadata())[INITIAL] == "test_initial_metadata_value"
        assert dict(call.trailing_metadata())[TRAILING] == b"\xab\xab\xab"

    check(channel.unary_unary(SERVICE + "UnaryCall").with_call(LARGE, metadata=metadata, timeout=20)[1])
    call = channel.stream_stream(SERVICE + "FullDuplexCall")(iter([duplex(1)]), metadata=metadata, timeout=20)
    assert sizes(call) == [1]
    check(call)


def expect_status(channel, message):
    status = {"response_status": {"code": 2, "message": message}}
    unary = wire.encode(wire.SIMPLE_REQUEST, status)
    stream = wire.encode(wire.OUTPUT_REQUEST, status)
    for error in [
        failure(lambda: channel.unary_unary(SERVICE + "UnaryCall")(unary, timeout=20)),
        failure(lambda: channel.stream_stream(SERVICE + "FullDuplexCall")(iter([stream]), timeout=20)),
    ]:
        assert (error.code(), error.details()) == (grpc.StatusCode.UNKNOWN, message), error


def case_status_code_and_message(channel):
    expect_status(channel, "test status message")


def case_special_status_message(channel):
    expect_status(channel, "\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n")


def case_unimplemented_method(channel):
    error = failure(lambda: channel.unary_unary(SERVICE + "UnimplementedCall")(b"", timeout=20))
    assert error.code() == grpc.StatusCode.UNIMPLEMENTED, error


def case_unimplemented_service(channel):
    call = channel.unary_unary("/grpc.testing.UnimplementedService/UnimplementedCall")
    error = failure(lambda: call(b"", timeout=20))
    assert error.code() == grpc.StatusCode.UNIMPLEMENTED, error


def case_cancel_after_begin(channel):
    pipe = queue.Queue()
    call = channel.stream_unary(SERVICE + "StreamingInputCall").future(iter(pipe.get, None), timeout=20)
    call.cancel()
    pipe.put(None)
    assert call.cancelled()


def case_cancel_after_first_response(channel):
    pipe = queue.Queue()
    call = channel.stream_stream(SERVICE + "FullDuplexCall")(iter(pipe.get, None), timeout=20)
    pipe.put(duplex(31415, 27182))
    assert sizes([next(call)]) == [31415]
    call.cancel()
    pipe.put(None)
    assert failure(lambda: call).code() == grpc.StatusCode.CANCELLED


def case_timeout_on_sleeping_server(channel):
    call = channel.stream_stream(SERVICE + "FullDuplexCall")
    error = failure(lambda: call(iter([duplex(8, 27182, interval_us=10_000_000)]), timeout=0.05))
    assert error.code() == grpc.StatusCode.DEADLINE_EXCEEDED, error


def main():
    failed = 0
    with grpc.insecure_channel(sys.argv[1]) as channel:
        for name, case in list(globals().items()):
            if not name.startswith("case_"):
                continue
            try:
                case(channel)
                print("ok", name[5:])
            except Exception as error:
                failed += 1
                print("failed", name[5:] + ":", repr(error))
    sys.exit(1 if failed else 0)


main()
