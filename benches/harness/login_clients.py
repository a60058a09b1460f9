"""Clients that log in back to back, each on a connection of its own."""

import json
import threading
import time

from harness import accounts
from harness.connection import Connection, request


class LoginClients:
    """Logs in from so many threads until the `with` block ends; `done` and `failed` count."""

    def __init__(self, port, clients, users):
        self.port, self.users = port, users
        self.done = self.failed = 0
        self.ended = False
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self.work, args=(at, clients), daemon=True) for at in range(clients)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.ended = True
        for thread in self.threads:
            thread.join(timeout=30)

    def work(self, first, step):
        number = first
        while not self.ended:
            try:
                with Connection(self.port) as connection:
                    while not self.ended:
                        self.count(connection.ask(log_in(number % self.users + 1)) == 200)
                        number += step
            except OSError:
                self.count(False)
                time.sleep(0.1)

    def count(self, is_good):
        with self.lock:
            self.done += is_good
            self.failed += not is_good


def log_in(number):
    """The bytes of a login."""
    body = json.dumps({"username": accounts.username(number), "password": accounts.PASSWORD})
    return request("POST", "/api/login/", body=body)
