"""An app of gRPC, without protobuf: messages are bytes. Says "ready" once it listens.

usage: grpc_server.py ADDRESS

The services echo.Echo and staff.Echo have the methods Unary, Collect, Split and Chat, one of each
kind, and Fail, which ends as FAILED_PRECONDITION. Each says in its trailers who called, and whether
it saw credentials.
"""
import sys
from concurrent import futures

import grpc


def tell(context):
    seen = dict(context.invocation_metadata())
    context.set_trailing_metadata((
        ("caller", seen.get("x-auth-user", "nobody")),
        ("credentials", "seen" if "authorization" in seen else "unseen"),
    ))


def unary(request, context):
    tell(context)
    return request


def collect(requests, context):
    tell(context)
    return b"+".join(requests)


def split(request, context):
    tell(context)
    yield from request.split(b"+")


def chat(requests, context):
    tell(context)
    yield from requests


def fail(_, context):
    tell(context)
    context.abort(grpc.StatusCode.FAILED_PRECONDITION, "the app's own words: é")


METHODS = {
    "Unary": grpc.unary_unary_rpc_method_handler(unary),
    "Collect": grpc.stream_unary_rpc_method_handler(collect),
    "Split": grpc.unary_stream_rpc_method_handler(split),
    "Chat": grpc.stream_stream_rpc_method_handler(chat),
    "Fail": grpc.unary_unary_rpc_method_handler(fail),
}


def main():
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=8))
    for service in ("echo.Echo", "staff.Echo"):
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, METHODS),))
    if server.add_insecure_port(sys.argv[1]) == 0:
        sys.exit("cannot listen on " + sys.argv[1])
    server.start()
    print("ready", flush=True)
    server.wait_for_termination()


main()
