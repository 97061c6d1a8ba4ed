"""grpc.testing.TestService on the stock Python gRPC library. usage: interop_server.py

Prints "listening on port N"; ends when its input does.
"""

import concurrent.futures
import sys
import time

import grpc

import wire

INITIAL = "x-grpc-test-echo-initial"
TRAILING = "x-grpc-test-echo-trailing-bin"


def echo_metadata(context):
    metadata = dict(context.invocation_metadata())
    if INITIAL in metadata:
        context.send_initial_metadata([(INITIAL, metadata[INITIAL])])
    if TRAILING in metadata:
        context.set_trailing_metadata([(TRAILING, metadata[TRAILING])])


def check_status(request, context):
    status = request.get("response_status")
    if status is not None:
        code = next(code for code in grpc.StatusCode if code.value[0] == status.get("code", 0))
        context.abort(code, status.get("message", ""))


def compress(message, flag, context):
    """Python can turn compression off for one message, not on."""
    if flag is None or not flag.get("value"):
        context.disable_next_message_compression()
    return message


def empty_call(request, context):
    return b""


def unary_call(data, context):
    request = wire.decode(wire.SIMPLE_REQUEST, data)
    echo_metadata(context)
    check_status(request, context)
    response = {"payload": wire.zeros(request.get("response_size", 0))}
    context.set_compression(grpc.Compression.Gzip)
    return compress(wire.encode(wire.SIMPLE_RESPONSE, response), request.get("response_compressed"), context)


def input_call(messages, context):
    total = sum(wire.size(wire.decode(wire.INPUT_REQUEST, data)) for data in messages)
    return wire.encode(wire.INPUT_RESPONSE, {"aggregated_payload_size": total})


def outputs(data, context):
    request = wire.decode(wire.OUTPUT_REQUEST, data)
    check_status(request, context)
    for parameters in request.get("response_parameters", []):
        time.sleep(parameters.get("interval_us", 0) / 1e6)
        response = {"payload": wire.zeros(parameters.get("size", 0))}
        yield compress(wire.encode(wire.OUTPUT_RESPONSE, response), parameters.get("compressed"), context)


def output_call(data, context):
    context.set_compression(grpc.Compression.Gzip)
    yield from outputs(data, context)


def duplex_call(messages, context):
    echo_metadata(context)
    for data in messages:
        yield from outputs(data, context)


def main():
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(8))
    handlers = {
        "EmptyCall": grpc.unary_unary_rpc_method_handler(empty_call),
        "UnaryCall": grpc.unary_unary_rpc_method_handler(unary_call),
        "StreamingInputCall": grpc.stream_unary_rpc_method_handler(input_call),
        "StreamingOutputCall": grpc.unary_stream_rpc_method_handler(output_call),
        "FullDuplexCall": grpc.stream_stream_rpc_method_handler(duplex_call),
    }
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("grpc.testing.TestService", handlers)])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print("listening on port", port, flush=True)
    sys.stdin.read()
    server.stop(0)


main()
