"""Makes one call of gRPC, without protobuf, and tells in JSON how it ended.

usage: grpc_client.py ADDRESS KIND METHOD TOKEN MESSAGE...

KIND is unary, client, server or bidi; an empty TOKEN is none. A bidi call sends a message only when
the one before has come back, so that nobody between can collect them first.
"""
import json
import queue
import sys

import grpc

PATIENCE = 20  # seconds


def main():
    address, kind, method, token, *messages = sys.argv[1:]
    messages = [message.encode() for message in messages]
    metadata = (("authorization", "Token " + token),) if token else ()
    with grpc.insecure_channel(address) as channel:
        answers = []
        try:
            call = KINDS[kind](channel, method, messages, metadata, answers)
            outcome = grpc.StatusCode.OK, ""
        except grpc.RpcError as error:
            call, outcome = error, (error.code(), error.details())
        print(json.dumps({
            "code": outcome[0].name,
            "details": outcome[1],
            "answers": answers,
            # An error without a body has the headers of its answer among them.
            "trailers": {name: value for name, value in call.trailing_metadata() or ()
                         if name in ("caller", "credentials")},
        }))


def unary(channel, method, messages, metadata, answers):
    answer, call = channel.unary_unary(method).with_call(
        messages[0], metadata=metadata, timeout=PATIENCE)
    answers.append(answer.decode())
    return call


def client(channel, method, messages, metadata, answers):
    answer, call = channel.stream_unary(method).with_call(
        iter(messages), metadata=metadata, timeout=PATIENCE)
    answers.append(answer.decode())
    return call


def server(channel, method, messages, metadata, answers):
    call = channel.unary_stream(method)(messages[0], metadata=metadata, timeout=PATIENCE)
    answers.extend(answer.decode() for answer in call)
    return call


def bidi(channel, method, messages, metadata, answers):
    waiting = queue.Queue()
    call = channel.stream_stream(method)(
        iter(waiting.get, None), metadata=metadata, timeout=PATIENCE)
    for message in messages:
        waiting.put(message)
        answers.append(next(call).decode())
    waiting.put(None)
    answers.extend(answer.decode() for answer in call)
    return call


KINDS = {"unary": unary, "client": client, "server": server, "bidi": bidi}

main()
