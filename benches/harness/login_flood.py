"""A flood of logins at a fixed rate, whatever the answers take, from another process."""

import collections
import json
import selectors
import socket
import time

from harness import accounts
from harness.beside import Beside
from harness.connection import request

MOST_CONNECTIONS = 900
PATIENCE = 15  # seconds for what is in flight at the end


class LoginFlood(Beside):
    """Logs in at names that nobody has, until `stop`; the rate is kept (open loop).

    Each login takes a kept connection that waits for nothing, or a new one. `seen` then has the
    seconds that each kind of answer took, as lists by status, and how many logins failed otherwise.
    """

    def __init__(self, port, rate, users):
        # Names beyond those of the users: nobody is known by them at the flood's network.
        super().__init__(flood, port, rate, users, patience=2 * PATIENCE)

    def __exit__(self, *_):
        self.process.kill()
        self.process.join()

    def stop(self):
        """No login is sent any more; those in flight are still answered, and then the connections end."""
        self.end.set()

    def wait(self):
        """Waits for the last answers; returns what was seen."""
        self.stop()
        if self.results.poll(self.patience):
            self.seen = self.results.recv()
        return self.seen


def flood(port, rate, users, results, end):
    """What the other process does."""
    sender = Sender(port, users)
    started = due = time.monotonic()
    while not end.is_set():
        sender.read(max(0.0, due - time.monotonic()))
        while due <= time.monotonic() and not end.is_set():
            sender.send()
            due += 1 / rate
    sent_for, until = time.monotonic() - started, time.monotonic() + PATIENCE
    while sender.waiting and time.monotonic() < until:
        sender.read(0.1)
    sender.hang_up()
    results.send({"seconds": sent_for, "sent": sender.number, "took": dict(sender.took),
                  "no_retry_after": sender.no_retry_after, "failed": sender.failed,
                  "connections": sender.opened})


class Sender:
    """Connections that wait for an answer, and those that do not."""

    def __init__(self, port, users):
        self.port, self.users = port, users
        self.selector = selectors.DefaultSelector()
        self.idle, self.waiting = [], {}
        self.number = self.opened = self.failed = self.no_retry_after = 0
        self.took = collections.defaultdict(list)

    def send(self):
        """Sends the next login."""
        self.number += 1
        try:
            connection = self.idle.pop() if self.idle else self.open()
            connection.sendall(wrong_login(self.users + self.number))
        except OSError:
            self.failed += 1
            return
        self.waiting[connection] = (time.monotonic(), b"")

    def open(self):
        """A new connection."""
        if len(self.waiting) >= MOST_CONNECTIONS:
            raise ConnectionError("too many wait")
        connection = socket.create_connection(("127.0.0.1", self.port), 5)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.selector.register(connection, selectors.EVENT_READ)
        self.opened += 1
        return connection

    def read(self, seconds):
        """Reads what has come, or comes within so many seconds."""
        if not self.opened:
            return
        for key, _ in self.selector.select(seconds):
            connection = key.fileobj
            try:
                got = connection.recv(65536)
            except OSError:
                got = b""
            if got:
                self.take(connection, got)
            else:
                self.drop(connection)

    def take(self, connection, got):
        """Some bytes of an answer."""
        if connection not in self.waiting:
            self.drop(connection)
            return
        sent, before = self.waiting[connection]
        got = before + got
        head, _, body = got.partition(b"\r\n\r\n")
        lines = head.lower().split(b"\r\n")
        lengths = [int(line[15:]) for line in lines if line.startswith(b"content-length:")]
        if not lengths or len(body) < lengths[0]:
            self.waiting[connection] = (sent, got)
            return
        del self.waiting[connection]
        status = int(head[9:12])
        self.took[status].append(time.monotonic() - sent)
        has_retry_after = any(line.startswith(b"retry-after:") for line in lines)
        self.no_retry_after += status in (429, 503) and not has_retry_after
        if b"connection: close" in lines:
            self.drop(connection)
        else:
            self.idle.append(connection)

    def hang_up(self):
        """Ends all connections; a login that still waits has failed."""
        for connection in [*self.idle, *self.waiting]:
            self.drop(connection)

    def drop(self, connection):
        """A connection that has ended; a login that waits there has failed."""
        self.selector.unregister(connection)
        connection.close()
        if self.waiting.pop(connection, None):
            self.failed += 1
        elif connection in self.idle:
            self.idle.remove(connection)


def wrong_login(number):
    """The bytes of a login that will fail."""
    body = json.dumps({"username": accounts.username(number), "password": "wrong-horse-77!"})
    return request("POST", "/api/login/", body=body)
