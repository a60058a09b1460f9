"""Stands between a gateway and Redis, and cuts the connection in the two ways that happen."""

import selectors
import socket
import threading


class Cutter:
    """Forwards TCP from one port to another until told otherwise."""

    def __init__(self, port, target):
        self.port, self.target = port, target
        self.partner = {}  # each socket's other end
        self.frozen = False
        self.lock = threading.Lock()
        self.selector = selectors.DefaultSelector()
        self.listener = None
        self.ended = False
        self.listen()
        threading.Thread(target=self.forward, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.ended = True
        self.drop()

    def drop(self):
        """A server that is gone: every connection ends, and new ones are refused."""
        with self.lock:
            self.selector.unregister(self.listener)
            self.listener.close()
            self.listener = None
            self.close_all()

    def freeze(self):
        """A cable that is cut: connections stay open and new ones are taken, but no byte moves."""
        with self.lock:
            self.frozen = True

    def heal(self):
        """All is well again; connections of the time before are gone."""
        with self.lock:
            self.close_all()
            self.frozen = False
            if not self.listener:
                self.listen()

    def listen(self):
        self.listener = socket.create_server(("127.0.0.1", self.port), backlog=128)
        self.listener.setblocking(False)
        self.selector.register(self.listener, selectors.EVENT_READ)

    def close_all(self):
        for end in self.partner:
            self.selector.unregister(end)
            end.close()
        self.partner = {}

    def forward(self):
        while not self.ended:
            ready = self.selector.select(0.05)
            with self.lock:
                for key, _ in ready:
                    self.serve(key.fileobj)
            if self.frozen:
                # Sockets stay readable: without a pause this would spin.
                threading.Event().wait(0.005)

    def serve(self, end):
        """Takes a connection, or moves what has arrived on one."""
        if end is self.listener:
            self.accept()
        elif end in self.partner and not self.frozen:
            self.move(end)

    def accept(self):
        try:
            client, _ = self.listener.accept()
        except BlockingIOError:
            return
        server = socket.create_connection(("127.0.0.1", self.target))
        for end, other in ((client, server), (server, client)):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.partner[end] = other
            self.selector.register(end, selectors.EVENT_READ)

    def move(self, end):
        other = self.partner[end]
        try:
            data = end.recv(65536)
            if data:
                other.sendall(data)
                return
        except OSError:
            pass
        for gone in (end, other):
            self.selector.unregister(gone)
            gone.close()
            del self.partner[gone]
