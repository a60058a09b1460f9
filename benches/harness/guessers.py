"""Attackers at many addresses who guess the password of one account, from another process."""

import collections
import itertools
import json
import threading
import time

from harness import proxy_protocol
from harness.beside import Beside
from harness.connection import Connection, request

PATIENCE = 30  # seconds for an answer
TRIES = 4  # by each connection
REFUSED_LOGIN = "Unable to log in"


class Guessers(Beside):
    """So many at once, from so many addresses in turn, until the `with` block ends.

    Then `seen` counts what the guesses were answered by, and has the seconds at which a guess got
    through: was answered as a wrong password, and so was compared with the right one.
    """

    def __init__(self, ports, name, addresses, at_once, rest=0):
        super().__init__(guess, ports, name, addresses, at_once, rest, patience=2 * PATIENCE)


def guess(ports, name, addresses, at_once, rest, results, end):
    """What the other process does."""
    attack = Attack(ports, name, rest, end)
    threads = [threading.Thread(target=attack.work, args=(first, at_once, addresses), daemon=True)
               for first in range(at_once)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    results.send({"counts": dict(attack.counts), "through": sorted(attack.through), "addresses": len(attack.used)})


class Attack:
    """What all attackers share. Python's lock lets one of them count at a time."""

    def __init__(self, ports, name, rest, end):
        self.ports, self.rest, self.end = ports, rest, end
        self.counts, self.through, self.used = collections.Counter(), [], set()
        self.started = time.monotonic()
        # One account, however it is written.
        self.names = [name, name.upper(), f" {name}", name.capitalize()]
        self.numbers = itertools.count()

    def work(self, first, step, addresses):
        """Goes through the addresses of one attacker, again and again."""
        own = range(first, addresses, step)
        for turn in itertools.count():
            for number in own:
                if self.end.is_set():
                    return
                self.attack_from(number, turn, f"127.1.0.{first % 250 + 1}")

    def attack_from(self, number, turn, source):
        """A few guesses over a connection from an address."""
        header = proxy_protocol.header(proxy_protocol.client(number), 1 + (number // 2 + turn) % 2)
        # Sources differ, or the system would run out of ports.
        port = self.ports[(number + turn) % len(self.ports)]
        try:
            with Connection(port, PATIENCE, header, source) as connection:
                for _ in range(TRIES):
                    self.count(connection.ask(self.next()), connection.body)
                    if connection.is_last or self.end.is_set():
                        break
            self.used.add(number)
        except OSError as error:
            self.counts[f"{type(error).__name__}: {error}"] += 1
            time.sleep(0.1)
        self.end.wait(self.rest)

    def next(self):
        """The bytes of the next guess: never the same twice, and never right."""
        number = next(self.numbers)
        body = json.dumps({"username": self.names[number % len(self.names)], "password": f"guess-{number}"})
        return request("POST", "/api/login/", body=body)

    def count(self, status, body):
        is_through = status == 400 and REFUSED_LOGIN in body
        self.counts["through" if is_through else str(status)] += 1
        if is_through:
            self.through.append(time.monotonic() - self.started)
