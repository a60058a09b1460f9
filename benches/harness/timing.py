"""Shows whether the time that a login takes tells who has an account.

Two kinds of failed login take turns (A B B A), each over a fresh connection, and every one counts.
Measured is from the request's first byte to the answer's last; the connection stands by then.

- a known name to an unknown one: both with a password that is wrong
- a known name to a disabled one: the disabled one with the password that is right
- the same two, locked out: a known and an unknown name that have used up their budget, and get 429
- the control: a password of 4,096 bytes, which is hashed, to one of 4,097, which is refused before

Cliff's delta is P(a > b) - P(a < b): 0 where nothing tells them apart, 1 or -1 where one look does.
"p" is that of the Mann-Whitney test; the gap is that of the medians, with its 95 % interval from
2,000 resamples of the pairs. Exit code 1 if a |delta| is not below --goal, if answers differ in more
than their time, or if the control, which everybody can see, is not seen (|delta| 0.9): then the
measurement is blind. The limits are at work, and wide enough not to be met but where that is meant.
"""

import json
import re
import sys
import time

from harness import accounts, gateway, places, report, samples
from harness.connection import Connection, request
from harness.processes import Stage

PORTS = {"wide": 17166, "tight": 17167}
USERS = 100
DISABLED_NUMBER = 2
KNOWN, DISABLED, LOCKED_OUT = (accounts.username(number) for number in (1, DISABLED_NUMBER, 3))
UNKNOWN, LOCKED_OUT_UNKNOWN = "nobody1", "nobody3"  # as long as the others
WRONG = "wrong-horse-77!"  # as long as the right one
BUDGET = 20
SEEN = 0.9


def add_options(parser):
    """The options of `benches/run timing`."""
    parser.add_argument("--pairs", type=int, default=500)
    parser.add_argument("--redis", action="store_true", help="accounts in Redis, not in SQLite")
    parser.add_argument("--goal", type=float, default=0.1, help="that each |delta| must be below")


def run(options):
    """Measures all pairs, and reports."""
    places.require(["nginx", "taskset", *(["redis-server"] if options.redis else [])])
    places.require_authgate(options.authgate)
    with Stage() as stage:
        gateway.start_app(stage, core=None)
        if options.redis:
            accounts.start_redis(stage, core=None)
        for name in PORTS:
            start(stage, options, name)
        lock_out()
        rows = [measure(options, *kinds) for kinds in all_kinds()]
    report.save(options.out, options, rows)
    show(options, rows)
    if complaints := [complaint for row in rows for complaint in complaints_about(options, row)]:
        sys.exit("\n".join(complaints))


def start(stage, options, name):
    """A gateway as one would install it, but for its limits."""
    if options.redis:
        database = list(PORTS).index(name)
        store = accounts.fill_redis(USERS, database)
        accounts.disable_in_redis(database, DISABLED_NUMBER)
    else:
        store = accounts.fill_sqlite(options.authgate, f"timing-{name}.db", USERS)
        accounts.disable_in_sqlite(store, DISABLED)
    limits = gateway.limits() if name == "wide" else gateway.limits(f"{BUDGET}/1h")
    return gateway.start_authgate(stage, options.authgate, f"authgate-{name}", PORTS[name], store, core=None,
                                  threads=0, cache_size=options.cache_size, more=limits)


def lock_out():
    """Uses up the budgets of a known and an unknown name."""
    for name in (LOCKED_OUT, LOCKED_OUT_UNKNOWN):
        for _ in range(BUDGET):
            ask("tight", log_in(name, WRONG))


def all_kinds():
    """Each a name, the gateway, the logins that are told apart, and the status that they have."""
    known = log_in(KNOWN, WRONG)
    yield "known to unknown name", "wide", known, log_in(UNKNOWN, WRONG), 400
    yield "known to disabled", "wide", known, log_in(DISABLED, accounts.PASSWORD), 400
    yield ("known to unknown, locked out", "tight", log_in(LOCKED_OUT, WRONG), log_in(LOCKED_OUT_UNKNOWN, WRONG), 429)
    yield "control: hashed to refused", "wide", log_in(KNOWN, "x" * 4096), log_in(KNOWN, "x" * 4097), 400


def log_in(name, password):
    """The bytes of a login."""
    return request("POST", "/api/login/", body=json.dumps({"username": name, "password": password}))


def measure(options, name, where, first, second, status):
    """All pairs of two kinds of login; times in milliseconds."""
    pairs, seen = [], ({}, {})
    for at in range(options.pairs):
        pair = [0, 0]
        # Each comes first as often: what is asked second may find things warmer.
        for kind in ((0, 1) if at % 2 == 0 else (1, 0)):
            took, answer = ask(where, (first, second)[kind])
            pair[kind] = took
            seen[kind][answer] = seen[kind].get(answer, 0) + 1
        pairs.append(tuple(pair))
        if (at + 1) % 100 == 0:
            report.progress(f"{name}: {at + 1} of {options.pairs} pairs")
    return {"name": name, "status": status, "seen": [[[*answer, count] for answer, count in answers.items()] for answers in seen],
            "times": pairs, **samples.compare(pairs)}


def ask(where, login):
    """How many milliseconds an answer takes over a fresh connection, and what it is."""
    with Connection(PORTS[where]) as connection:
        started = time.perf_counter()
        status = connection.ask(login)
        took = time.perf_counter() - started
        return took * 1e3, (status, connection.body)


def complaints_about(options, row):
    """What is wrong with two kinds of login, in lines."""
    name, is_control = row["name"], row["name"].startswith("control")
    statuses = {status for answers in row["seen"] for status, *_ in answers}
    if statuses != {row["status"]}:
        yield f"{name}: answered by {sorted(statuses)}, not by {row['status']}"
    bodies = [{told(body) for _, body, _ in answers} for answers in row["seen"]]
    if bodies[0] != bodies[1]:
        yield f"{name}: the answers tell them apart: {bodies}"
    if is_control and abs(row["delta"]) <= SEEN:
        yield f"{name}: a delta of {row['delta']:.3f} where everybody sees a difference: the measurement is blind"
    if not is_control and abs(row["delta"]) >= options.goal:
        yield f"{name}: a delta of {row['delta']:.3f}; the goal is below {options.goal:g}"


def told(body):
    """A body but for the seconds in it, which pass."""
    return re.sub(r"\d+", "N", body)


def show(options, rows):
    """Prints the table."""
    print(f"{options.pairs} pairs, A B B A, each over a fresh connection; milliseconds\n")
    report.table(["", "status", "median a", "median b", "gap", "95 % of the gap", "delta", "p"],
                 [[row["name"], row["status"], *(f"{median:.3f}" for median in row["medians"]), f"{row['gap']:+.3f}",
                   f"{row['gap_least']:+.3f} to {row['gap_greatest']:+.3f}", f"{row['delta']:+.3f}", f"{row['p']:.3f}"]
                  for row in rows])
