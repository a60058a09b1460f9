"""A kept-alive HTTP/1.1 connection on a raw socket, for requests whose moments count."""

import socket


class Connection:
    """One request at a time; `send` and `receive` are apart, so that a caller can note the time between."""

    def __init__(self, port, timeout=30, preamble=b"", source="127.0.0.1"):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout, (source, 0))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.preamble = preamble  # goes before the first request, in the same packet
        self.unread = b""
        self.body = ""  # of the latest answer
        self.is_last = False  # whether the gateway said with its latest answer that it closes the connection

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def ask(self, request):
        """Sends a request and returns the status of its answer."""
        self.socket.sendall(self.preamble + request)
        self.preamble = b""
        return self.receive()

    def receive(self):
        """Reads an answer to its end and returns its status."""
        while (end := self.unread.find(b"\r\n\r\n")) < 0:
            self.read_more()
        head, self.unread = self.unread[:end].lower(), self.unread[end + 4:]
        status, length = int(head[9:12]), body_length(head)
        self.is_last = b"\r\nconnection: close" in head
        while len(self.unread) < length:
            self.read_more()
        self.body, self.unread = self.unread[:length].decode(), self.unread[length:]
        return status

    def read_more(self):
        """Waits for more bytes."""
        got = self.socket.recv(65536)
        if not got:
            raise ConnectionError("the gateway closed the connection")
        self.unread += got


def body_length(head):
    """What the head says of the body's length; authgate and the app never send chunks here."""
    for line in head.split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line[15:])
    return 0


def request(method, path, token=None, body=None):
    """The bytes of a request; a body is JSON."""
    lines = [f"{method} {path} HTTP/1.1", "Host: bench.local"]
    if token:
        lines.append(f"Authorization: Token {token}")
    if body is not None:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    elif method == "POST":
        lines.append("Content-Length: 0")
    return ("\r\n".join(lines) + "\r\n\r\n" + (body or "")).encode()
