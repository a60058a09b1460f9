"""Clients that notice every request that fails: on kept connections and on fresh ones."""

import collections
import threading
import time

from harness.beside import Beside
from harness.connection import Connection, request

PATIENCE = 30  # seconds for an answer
PAUSE = 0.02  # seconds between the requests of a kept connection, so that it is idle at times too


class Callers(Beside):
    """Calls from another process, so that counting there disturbs nobody, until the `with` block ends.

    Then `seen` has how often each kind of client saw what: "200", another status, or how the
    request failed. A client that was told `Connection: close` reconnects; one whose connection is
    closed before that has failed, though it could try again.
    """

    def __init__(self, port, token, kept, fresh):
        super().__init__(call, port, token, kept, fresh, patience=2 * PATIENCE)

    def answered(self):
        """How many requests were answered well."""
        return sum(counts.get("200", 0) for counts in self.seen.values())

    def failures(self):
        """What went wrong, as lines; a client of which nothing is known has failed."""
        if not self.seen:
            return ["the callers themselves ended"]
        return [f"{kind}: {count} times {what}" for kind, counts in self.seen.items()
                for what, count in counts.items() if what != "200"]


def call(port, token, kept, fresh, results, end):
    """What the other process does."""
    asking = request("GET", "/", token)
    counts = {"kept": collections.Counter(), "fresh": collections.Counter()}
    workers = [*((call_kept, counts["kept"]) for _ in range(kept)), *((call_fresh, counts["fresh"]) for _ in range(fresh))]
    threads = [threading.Thread(target=work, args=(port, asking, counter, end), daemon=True)
               for work, counter in workers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    results.send({kind: dict(counter) for kind, counter in counts.items()})


def call_kept(port, asking, counter, end):
    """Calls on one connection for as long as the gateway keeps it."""
    while not end.is_set():
        with_connection(port, counter, lambda connection: keep_asking(connection, asking, counter, end))


def keep_asking(connection, asking, counter, end):
    while not end.is_set() and not connection.is_last:
        counter[str(connection.ask(asking))] += 1
        time.sleep(PAUSE)


def call_fresh(port, asking, counter, end):
    """Calls on a connection of its own each time."""
    def ask_once(connection):
        counter[str(connection.ask(asking))] += 1

    while not end.is_set():
        with_connection(port, counter, ask_once)


def with_connection(port, counter, use):
    """Uses a connection; counts how it failed, if it did. Counters of one kind share Python's lock."""
    try:
        with Connection(port, PATIENCE) as connection:
            use(connection)
    except OSError as error:
        counter[f"{type(error).__name__}: {error}"] += 1
        time.sleep(0.1)
