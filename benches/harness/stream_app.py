"""An app that sends and takes any number of bytes, fast or slowly, and counts them.

GET /SIZE is answered with so many bytes. PUT /PACE is read to its end, PACE bytes a second (0: as
fast as it comes), and answered with how many bytes came.
"""

import multiprocessing
import os
import signal
import socket
import threading
import time

from harness import places

CHUNK = 256 * 1024
ZEROS = memoryview(bytes(CHUNK))


class StreamApp:
    """The app in a process of its own until the `with` block ends."""

    def __init__(self, port, core=places.LOAD_CORE):
        self.counts = multiprocessing.Array("q", 2)
        listener = socket.create_server(("127.0.0.1", port), backlog=512)
        self.process = multiprocessing.Process(target=serve, args=(listener, self.counts, core), daemon=True)
        self.process.start()
        listener.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.join()

    def sent(self):
        """Bytes of answers that the system has taken so far."""
        return self.counts[0]

    def taken(self):
        """Bytes of requests that were read so far."""
        return self.counts[1]


def serve(listener, counts, core):
    """What the other process does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which ends this one
    os.sched_setaffinity(0, {int(core)})
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=serve_connection, args=(connection, counts), daemon=True).start()


def serve_connection(connection, counts):
    try:
        with connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while answer(connection, counts):
                pass
    except OSError:
        pass  # the gateway has gone, because its client has


def answer(connection, counts):
    """Answers one request; returns whether there was one."""
    head = b""
    while b"\r\n\r\n" not in head:
        got = connection.recv(65536)
        if not got:
            return False
        head += got
    head, rest = head.split(b"\r\n\r\n", 1)
    line, *lines = head.decode("latin-1").split("\r\n")
    method, path, _ = line.split(" ")
    headers = {name.lower(): value.strip() for name, value in (line.split(":", 1) for line in lines)}
    number = int(path.strip("/") or 0)
    if method == "GET":
        send(connection, number, counts)
    else:
        take(connection, int(headers["content-length"]), len(rest), number, counts)
    return True


def send(connection, size, counts):
    connection.sendall(f"HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n\r\n".encode())
    left = size
    while left:
        sent = connection.send(ZEROS[:min(left, CHUNK)])
        count(counts, 0, sent)
        left -= sent


def take(connection, size, taken, pace, counts):
    buffer = memoryview(bytearray(CHUNK if not pace else max(1, min(CHUNK, pace // 10))))
    count(counts, 1, taken)
    while taken < size:
        got = connection.recv_into(buffer)
        if not got:
            return
        taken += got
        count(counts, 1, got)
        if pace:
            time.sleep(got / pace)
    text = str(taken)
    connection.sendall(f"HTTP/1.1 200 OK\r\nContent-Length: {len(text)}\r\n\r\n{text}".encode())


def count(counts, which, number):
    with counts.get_lock():
        counts[which] += number
