"""Clients that log in back to back, each on a connection of its own."""

import json
import multiprocessing
import signal
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


class Flood:
    """The same from another process, so that counting here disturbs nobody."""

    def __init__(self, port, clients, users):
        self.counts = multiprocessing.Array("q", 2)
        self.end = multiprocessing.Event()
        arguments = (port, clients, users, self.counts, self.end)
        self.process = multiprocessing.Process(target=run_flood, args=arguments, daemon=True)

    def __enter__(self):
        self.process.start()
        return self

    def __exit__(self, *_):
        self.end.set()
        self.process.join(timeout=40)
        self.process.kill()


def run_flood(port, clients, users, counts, end):
    """What the other process does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which ends this one
    with LoginClients(port, clients, users) as logins:
        while not end.wait(0.1):
            counts[0], counts[1] = logins.done, logins.failed
