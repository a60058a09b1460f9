"""Lets users, tokens, connections and settings come and go for long, and looks whether anything is left behind.

Clients register, log in, use tokens on kept and on fresh connections, log out, log out everywhere and break off in
the middle; the settings are read again all the while. Every `--every` seconds the gateway's memory (VmRSS), open
files and threads are noted. Of the second half the slope an hour is told with its 95 % interval, by least squares;
neighbours in time are no independent samples, so the error is widened by their correlation. The goal is that the
interval begins below 1 % of the mean an hour. Tokens live for two minutes, so that the store
reaches its size in the first half; so does memory for tokens and users, of which there is little (`--cache-size`).
"""

import json
import math
import os
import random
import statistics
import sys
import threading
import time

from harness import accounts, gateway, places, report
from harness.connection import Connection, request
from harness.processes import Stage

PORT = 17194
CONTROL = "soak.control"
SMALL = "4MiB"  # with users who come and never come again, more would be full after hours only


def add_options(parser):
    """The options of `benches/run soak`."""
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--every", type=float, default=2, metavar="SECONDS", help="from one look to the next")
    parser.add_argument("--store", choices=["sqlite", "redis"], default="redis")


def run(options):
    """Soaks, and reports. Exit code 1 if something grows or a request failed."""
    places.require(["nginx", *(["redis-server"] if options.store == "redis" else [])])
    places.require_authgate(options.authgate)
    with Stage() as stage:
        gateway.start_app(stage, core=None)
        if options.store == "redis":
            accounts.start_redis(stage, core=None)
            store = f"redis://127.0.0.1:{places.REDIS_PORT}/0"
        else:
            store = accounts.fill_sqlite(options.authgate, "soak.db", 10)
        control = places.RUN / CONTROL
        control.unlink(missing_ok=True)
        more = ('[tokens]\nlifetime = "2m"\n[limits]\nenabled = false\n'
                '[passwords]\nargon2 = { memory = "64KiB", iterations = 1, parallelism = 1 }\n')
        program = gateway.start_authgate(stage, options.authgate, "authgate", PORT, store, core=None, threads=0,
                                         cache_size=options.cache_size or SMALL, control=control, more=more)
        looks, failed = watch(options, program, control)
    tell(options, looks, failed)


def watch(options, program, control):
    """What was there at each look: seconds, memory, files, threads."""
    churn = [Churn(seed) for seed in range(options.clients)]
    for client in churn:
        client.start()
    began, looks, failures = time.monotonic(), [], []
    while (age := time.monotonic() - began) < options.minutes * 60:
        time.sleep(options.every)
        looks.append((age, program.resident_bytes(), len(os.listdir(f"/proc/{program.process.pid}/fd")),
                      len(os.listdir(f"/proc/{program.process.pid}/task"))))
        if len(looks) % 5 == 0 and (complaint := gateway.tell(options.authgate, control, "reload")):
            failures.append(f"reload: {complaint}")
        if len(looks) % 30 == 0:
            report.progress(f"{age / 60:.1f} minutes, {looks[-1][1] >> 20} MiB, {sum(c.done for c in churn)} requests")
    for client in churn:
        client.is_over = True
    for client in churn:
        client.join(30)
        failures += client.failures[:3]
    print(f"{sum(c.done for c in churn)} requests, {sum(c.busy for c in churn)} of them 503")
    return looks, failures


class Busy(Exception):
    """The gateway has more to hash than it can, on a busy machine: no failure, and told apart."""


class Churn(threading.Thread):
    """One who comes and goes."""

    def __init__(self, seed):
        super().__init__(daemon=True)
        self.chance, self.seed, self.count = random.Random(seed), seed, 0
        self.busy, self.done, self.failures, self.is_over = 0, 0, [], False

    def run(self):
        while not self.is_over:
            try:
                with Connection(PORT) as connection:
                    self.live(connection)
            except Busy:
                time.sleep(0.1)
            except (OSError, KeyError, ValueError) as error:
                self.failures.append(f"{type(error).__name__}: {error}")
                time.sleep(0.1)

    def live(self, connection):
        """A user's life on one connection."""
        self.count += 1
        name = f"soak-{self.seed}-{self.count}"
        account = json.dumps({"username": name, "password": accounts.PASSWORD})
        self.expect(connection, request("POST", "/api/register/", body=account), 200)
        tokens = [json.loads(connection.body)["token"]]
        for _ in range(self.chance.randint(0, 4)):
            self.expect(connection, request("POST", "/api/login/", body=account), 200)
            tokens.append(json.loads(connection.body)["token"])
        for _ in range(self.chance.randint(0, 20)):
            self.expect(connection, request("GET", "/", self.chance.choice(tokens)), 200)
        end = self.chance.random()
        if end < 0.3:
            self.expect(connection, request("POST", "/api/logoutall/", tokens[0]), 204)
            self.expect(connection, request("GET", "/", tokens[-1]), 401)
        elif end < 0.6:
            self.expect(connection, request("POST", "/api/logout/", tokens[0]), 204)
        elif end < 0.7:
            # Someone who goes in the middle of a request.
            connection.socket.sendall(request("GET", "/", tokens[0])[:30])

    def expect(self, connection, asking, wanted):
        """Asks, and notes what is not as it should be. On a busy gateway a login may be 503."""
        status = connection.ask(asking)
        self.done += 1
        if status == 503:
            self.busy += 1
            raise Busy
        if status != wanted:
            self.failures.append(f"{status} instead of {wanted}: {asking[:20]!r}")
            raise ValueError("gone on with another")


def slope(times, values):
    """The slope by least squares, and the half of its 95 % interval."""
    mean_time, mean = statistics.fmean(times), statistics.fmean(values)
    spread = sum((at - mean_time) ** 2 for at in times)
    if len(times) < 10 or not spread:
        return 0.0, math.inf
    grows = sum((at - mean_time) * (value - mean) for at, value in zip(times, values)) / spread
    left = [value - mean - grows * (at - mean_time) for at, value in zip(times, values)]
    squares = sum(rest**2 for rest in left)
    # Neighbours are alike: so many fewer samples are independent.
    alike = sum(a * b for a, b in zip(left, left[1:])) / squares if squares else 0.0
    alike = min(max(alike, 0.0), 0.99)
    error = math.sqrt(squares / (len(times) - 2) / spread) * math.sqrt((1 + alike) / (1 - alike))
    return grows, 1.96 * error


def tell(options, looks, failures):
    """Prints the slopes of the second half, and ends with 1 if one is above 0 for sure."""
    half = looks[len(looks) // 2:]
    times = [look[0] / 3600 for look in half]
    measured, growing = {}, []
    for at, (name, unit) in enumerate([("memory", 1 << 20), ("files", 1), ("threads", 1)], 1):
        values = [look[at] / unit for look in half]
        grows, error = slope(times, values)
        mean = statistics.fmean(values)
        measured[name] = {"mean": mean, "per_hour": grows, "error": error}
        print(f"{name}: {mean:.1f}{' MiB' if unit > 1 else ''} in the mean, {grows:+.2f} ± {error:.2f} an hour")
        if grows - error > 0.01 * mean:
            growing.append(name)
    report.save(options.out, options, {"slopes": measured, "looks": looks, "failures": failures})
    for failure in failures[:10]:
        print("failed:", failure)
    if growing or failures:
        sys.exit(f"grows: {', '.join(growing)}" if growing else 1)
