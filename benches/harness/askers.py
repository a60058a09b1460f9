"""Clients that ask at a steady rate from another process, and note when each asked and what came."""

import threading
import time

from harness.beside import Beside
from harness.connection import Connection, request

PATIENCE = 5  # seconds for an answer


class Askers(Beside):
    """Asks until the `with` block ends; then `samples` has what each saw: (sent, answered, token, status), by
    time.monotonic(), which all processes share. Status 0 is no answer."""

    def __init__(self, ports, tokens, rate, clients):
        super().__init__(ask_all, ports, tokens, rate, clients, patience=60)

    @property
    def samples(self):
        """What was seen, in the order of sending."""
        return sorted(self.seen or [])


def ask_all(ports, tokens, rate, clients, results, end):
    """What the other process does."""
    seen = [[] for _ in range(clients)]
    every = clients / rate
    threads = [threading.Thread(target=ask_on, args=(ports[at % len(ports)], tokens[at::clients], every, seen[at], end,
                                                     every * at / clients), daemon=True) for at in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    results.send([sample for part in seen for sample in part])


def ask_on(port, tokens, every, seen, end, shift):
    """Asks on one connection, and on another when that ends. Those who are late skip their turns."""
    connection, turn, due = None, 0, time.monotonic() + shift
    while not end.is_set():
        time.sleep(max(0.0, due - time.monotonic()))
        due = max(due + every, time.monotonic() - every)
        number, token = tokens[turn % len(tokens)]
        turn += 1
        sent, status = time.monotonic(), 0
        try:
            connection = connection or Connection(port, PATIENCE)
            status = connection.ask(request("GET", "/", token))
            if connection.is_last:
                connection = None
        except OSError:
            connection = None
        seen.append((sent, time.monotonic(), number, status))
