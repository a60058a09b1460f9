"""Talks to an app that sends each message back, and tells in JSON how that went.

usage: websocket_client.py URL TOKEN

An empty TOKEN is none.
"""
import json
import sys

from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

PATIENCE = 20  # seconds


def main():
    url, token = sys.argv[1:]
    headers = {"Authorization": "Token " + token} if token else {}
    try:
        with connect(url, additional_headers=headers, open_timeout=PATIENCE) as socket:
            print(json.dumps(talk(socket)))
    except InvalidStatus as refusal:
        print(json.dumps({"refused": refusal.response.status_code}))


def talk(socket):
    texts, long, binary = ["hello", "h\u00e9"], "x" * (1 << 20), bytes(range(256))
    for message in (*texts, long, binary):
        socket.send(message)
    answers = [socket.recv(timeout=PATIENCE) for _ in range(4)]
    is_alive = socket.ping().wait(PATIENCE)
    socket.close()
    return {
        "texts": answers[:2],
        "long": answers[2] == long,
        "binary": answers[3] == binary,
        "pong": is_alive,
        "code": socket.close_code,
    }


main()
