"""Shows what ten million users and tokens take in Redis, and how it serves then.

The store is written directly, one kind of thing after another, and after each Redis says by how much
its memory has grown: first tokens, each with its entry in its user's list, as docs/scaling.md counts
them, then users. Every token has a user of its own, which is the harsh case. Then a gateway starts. It
finds users without indexes and makes them: that is a sweep through all users, and is timed. Last it is
asked: with tokens that it has not seen (each is read from Redis), the same again (from memory),
and for logins. `--users 1000` shows what a small store would answer.

`--masters 3` spreads it over a Cluster. With `--replicas` each master has a replica, which takes the
memory twice, and in the end one master is killed: measured is how long its tokens are not taken.
Servers run with `hash-max-listpack-value 256`, as docs/scaling.md advises; `--plain` leaves Redis's default.
`--redis` names another server than the installed one: those that Debian builds take 8 bytes more for each entry of a table,
for they use the system's jemalloc in place of Redis's own, which knows sizes of 24 bytes.
"""

import json
import random
import statistics
import sys
import time

from harness import accounts, gateway, places, report, shards
from harness.connection import Connection, request
from harness.processes import Stage

PORT = 17194
GOAL = 400  # bytes a token, with its share of its user's list
LAYOUT = 2  # of src/store/redis/layout.rs
NOTED = 100_000  # tokens with notes: what they take is known from fewer
USER_AGENT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36"


def add_options(parser):
    """The options of `benches/run growth`."""
    parser.add_argument("--users", type=int, default=10_000_000, help="each with a token")
    parser.add_argument("--masters", type=int, default=1, help="of a Cluster, if there is more than one")
    parser.add_argument("--replicas", action="store_true", help="one for each master of a Cluster; kill a master in the end")
    parser.add_argument("--plain", action="store_true", help="Redis with its own defaults")
    parser.add_argument("--redis", default="redis-server", metavar="PATH", help="the server to measure")
    parser.add_argument("--memory", action="store_true", help="only say what it takes: no gateway is started")
    parser.add_argument("--asked", type=int, default=20_000, help="different tokens that are used")
    parser.add_argument("--logins", type=int, default=100)


def run(options):
    """Makes the store, says what it takes, and asks a gateway."""
    places.require(["redis-server", "nginx"])
    places.require_authgate(options.authgate)
    if options.replicas and options.masters < 3:
        sys.exit("--replicas needs --masters 3 or more: the masters elect the one that is promoted")
    random.seed(7)
    with Stage() as stage:
        gateway.start_app(stage, core=None)
        servers = shards.Shards(stage, options)
        measured = {"server": servers.version(), "bytes": fill(servers, options.users)}
        if options.memory:
            report.save(options.out, options, measured)
            show_sizes(measured)
            return
        before = servers.used()
        measured["sweep seconds"] = start(stage, servers, options)
        measured["bytes"]["indexes, each user and token"] = (servers.used() - before) / options.users
        measured["milliseconds"] = latencies(options)
        if options.replicas:
            measured["failover seconds"] = lose_a_master(servers, options.users)
    report.save(options.out, options, measured)
    show(measured, options)


def fill(servers, users):
    """What each kind of thing takes, in bytes for each user."""
    now, end = accounts.moments()
    noted = min(users, NOTED)
    kinds = {
        "token, with its entry in the user's list": (users, lambda n: list(accounts.redis_account(n, now, end))[3:]),
        "user, with name and number": (users, lambda n: list(accounts.redis_account(n, now, end))[:3]),
        "notes, of a token in use": (noted, lambda n: notes(n, now, end)),
    }
    taken, used = {}, servers.used()
    for kind, (count, made_of) in kinds.items():
        report.progress(f"writing: {kind}")
        servers.fill(made_of, count)
        servers.settle()
        taken[kind] = (servers.used() - used) / count
        used = servers.used()
    # As every store has them: an operator, and the mark of its layout.
    servers.write(lambda n: [("SET", "authgate:next-user", n), ("SET", "authgate:layout", LAYOUT),
                             ("HSET", "authgate:user:{1}", "is_staff", 1)], [users])
    return taken


def notes(number, now, end):
    """What a login and a use leave for the console."""
    key, _, _ = accounts.redis_token(number, now, end)
    about = {"address": "192.0.2.1", "issued_by": None, "name": None, "user_agent": USER_AGENT}
    yield ("HSET", f"authgate:token-notes:{{{number}}}", f"issue:{key}", json.dumps(about, separators=(",", ":")))
    yield ("HSET", f"authgate:token-notes:{{{number}}}", f"use:{key}", f"{now} 192.0.2.1")


def start(stage, servers, options):
    """Starts a gateway, and waits until it has gone through all users."""
    begun = time.monotonic()
    gateway.start_authgate(stage, options.authgate, "authgate-growth", PORT, servers.url(), core=None, threads=0,
                           more=gateway.limits())
    report.progress(f"the gateway serves after {time.monotonic() - begun:.1f} s, and goes through all users")
    mark = "authgate:indexed:1"
    shards.wait_for(lambda: shards.ask(servers.owner(mark), "EXISTS", mark) == "1", 24 * 3600)
    return time.monotonic() - begun


def latencies(options):
    """How long each kind of request takes, one after another over one connection."""
    numbers = random.sample(range(1, options.users + 1), min(options.asked, options.users))
    with Connection(PORT) as connection:
        unseen = [use(connection, number) for number in numbers]
        again = [use(connection, number) for number in numbers]
        logins = [log_in(connection, number) for number in numbers[:options.logins]]
    return {"a token that is read from Redis": unseen, "a token from memory": again, "a login": logins}


def use(connection, number):
    return timed(connection, request("GET", "/", accounts.token(number)), 200)


def log_in(connection, number):
    typed = json.dumps({"username": accounts.username(number), "password": accounts.PASSWORD})
    return timed(connection, request("POST", "/api/login/", body=typed), 200)


def timed(connection, asked, expected):
    begun = time.perf_counter()
    status = connection.ask(asked)
    if status != expected:
        sys.exit(f"{asked.split(b' HTTP')[0].decode()} was answered with {status}")
    return (time.perf_counter() - begun) * 1000


def lose_a_master(servers, users):
    """Kills the master of a token, and says when the token is taken again."""
    lost = servers.masters[1]
    kept = (number for number in range(users, 0, -1)
            if servers.owner(f"authgate:token:{{{accounts.redis_token(number, 0, 0)[0]}}}") == lost)
    number = next(kept)
    servers.programs[1].kill()
    begun = time.monotonic()
    while time.monotonic() - begun < 60:
        try:
            with Connection(PORT) as connection:
                status = connection.ask(request("GET", "/", accounts.token(number)))
        except OSError:
            status = 0
        if status == 200:
            return time.monotonic() - begun
        if status != 503:
            sys.exit(f"a good token was answered with {status} while its master was away")
        time.sleep(0.02)
    return sys.exit("the tokens of a lost master are not taken again within a minute")


def show(measured, options):
    """Prints the tables, and whether the goal is met."""
    rows = [(kind, len(times), f"{statistics.median(times):.2f}", f"{statistics.quantiles(times, n=100)[98]:.2f}")
            for kind, times in measured["milliseconds"].items()]
    report.table(["answered", "times", "median ms", "p99 ms"], rows)
    print(f"\na sweep through {options.users} users, which makes their indexes: {measured['sweep seconds']:.0f} s")
    if "failover seconds" in measured:
        print(f"tokens of a killed master are taken again after {measured['failover seconds']:.2f} s "
              f"(cluster-node-timeout {shards.NODE_TIMEOUT} ms)")
    show_sizes(measured)


def show_sizes(measured):
    """Prints what each kind takes, and whether the goal is met."""
    print(f"\n{measured['server']}\n")
    sizes = measured["bytes"]
    report.table(["each takes", "bytes"], [(kind, f"{size:.0f}") for kind, size in sizes.items()])
    size = next(iter(sizes.values()))
    print(f"\na token with its share of the user's list: {size:.0f} bytes; goal: {GOAL}")
    if size > GOAL:
        sys.exit(1)
