"""Compares authgate with plain Pingora, nginx and HAProxy, slice by slice.

The targets take turns, one short slice of load each, round by round and in a new random order each
round, so that what else the machine does falls on all of them. The proxy under test and its helpers
have core 0, the load generator and the app core 1. Each slice is compared with the slice of plain
Pingora of the same round, and the median of these ratios is what counts.

CPU time (of all threads and children, user and system) hardly moves with the machine's load, so
trust it more than requests a second. "+helpers" adds Redis and the authentication service where a
target asks them. "others" is how many cores were busy with what is not ours: on a machine with much
of that, compare only within one run, or ask for --quiet slices.
"""

import itertools
import random
import statistics
import sys
from dataclasses import dataclass, field
from typing import Callable

from harness import accounts, gateway, load, places, report
from harness.processes import CpuMeter, Program, Stage, quietest

USERS = 100_000
SENT = 1_000  # tokens that take turns in the requests
YARDSTICK = "plain-pingora"
# What authgate is compared with beside it.
RIVALS = ["nginx-lua-cache", "nginx-auth-request"]


@dataclass
class Target:
    """What is measured: how it starts, and what it does."""

    name: str
    port: int
    start: Callable  # of a Bench
    needs: tuple = ()  # programs
    peers: tuple = ()  # programs of benches/peers
    helpers: tuple = ()  # "redis", "authsvc"
    checks_tokens: bool = True
    program: Program = field(default=None, repr=False)


def peer(name, port, *command, needs=(), peers=(), helpers=(), checks_tokens=True):
    """A target that is a command."""
    return Target(name, port, lambda bench: bench.stage.start(name, command, places.PROXY_CORE, port),
                  needs, peers, helpers, checks_tokens)


def nginx(name, port, helpers=(), peers=(), checks_tokens=True):
    """A target that is an nginx with a file of conf/."""
    command = gateway.nginx(f"{name}.conf")
    return peer(name, port, *command, needs=("nginx",), peers=peers, helpers=helpers, checks_tokens=checks_tokens)


def haproxy(name, port):
    """A target that is an HAProxy with a file of conf/."""
    return peer(name, port, "haproxy", "-db", "-f", places.CONF / f"{name}.cfg", needs=("haproxy",))


def authgate(name, port, redis=False, public=False):
    """A target that is authgate itself."""
    def start(bench):
        store = bench.redis_store() if redis else bench.sqlite_store()
        return gateway.start_authgate(bench.stage, bench.options.authgate, name, port, store,
                                      access="public" if public else "user", cache_size=bench.options.cache_size)
    return Target(name, port, start, helpers=("redis",) if redis else (), checks_tokens=not public)


TARGETS = [
    Target("app-alone", places.APP_PORT, lambda bench: None, checks_tokens=False),
    peer(YARDSTICK, 17101, places.PEERS / YARDSTICK, "127.0.0.1:17101", f"127.0.0.1:{places.APP_PORT}",
         peers=(YARDSTICK,), checks_tokens=False),
    nginx("nginx-plain", 17110, checks_tokens=False),
    nginx("nginx-auth-request", 17111, helpers=("redis", "authsvc"), peers=("authsvc",)),
    nginx("nginx-lua-cache", 17112, helpers=("redis",)),
    haproxy("haproxy-map", 17120),
    haproxy("haproxy-map-sha256", 17121),
    authgate("authgate", 17130),
    authgate("authgate-redis", 17131, redis=True),
    authgate("authgate-public", 17132, public=True),
]


def add_options(parser):
    """The options of `benches/run compare`."""
    parser.add_argument("--mode", choices=["throughput", "latency", "check"], default="throughput",
                        help="throughput: as much as 32 keep-alive connections get; latency: at a fixed rate; check: "
                             "no load, but does each target pass, refuse, and tell the app who calls?")
    parser.add_argument("--only", metavar="NAMES", help=f"targets, with commas; {YARDSTICK} always comes along. "
                        f"All: {', '.join(target.name for target in TARGETS)}")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--secs", type=int, default=4, help="of a slice")
    parser.add_argument("--connections", type=int, default=32, help="in throughput mode")
    parser.add_argument("--rate", type=int, default=2000, help="requests a second in latency mode")
    parser.add_argument("--quiet", type=float, default=float("inf"), metavar="CORES",
                        help="a slice during which others used more is repeated, at most twice; the quietest counts")
    parser.add_argument("--markdown", action="store_true", help="a table for the documentation")


def run(options):
    """Starts the targets, measures or checks them, and reports."""
    targets = chosen(options.only)
    places.require({"nginx", "taskset", "wrk", "h2load", *programs_for(targets)})
    places.require_peers(sorted({name for target in targets for name in target.peers}))
    places.require_authgate(options.authgate)
    with Stage() as stage:
        bench = Bench(stage, options, targets)
        check(targets)
        if options.mode == "check":
            return
        slices = {target.name: [] for target in targets}
        for target in targets:
            bench.measure(target, seconds=1)  # unmeasured: caches, connections
        for at in range(options.rounds):
            for target in random.sample(targets, len(targets)):
                slices[target.name].append(bench.measure_quietly(target))
            others = statistics.median(rows[-1]["others"] for rows in slices.values())
            report.progress(f"round {at + 1} of {options.rounds}; others: {others:.2f} cores")
    report.save(options.out, options, slices)
    show(options, slices)


def chosen(only):
    """The targets that were asked for, and the yardstick."""
    if not only:
        return TARGETS
    names = only.split(",")
    if unknown := set(names) - {target.name for target in TARGETS}:
        sys.exit(f"no such target: {', '.join(sorted(unknown))}; there are {', '.join(t.name for t in TARGETS)}")
    return [target for target in TARGETS if target.name in {YARDSTICK, *names}]


def programs_for(targets):
    helpers = {helper for target in targets for helper in target.helpers}
    return itertools.chain(*(target.needs for target in targets), ["redis-server"] if "redis" in helpers else [])


class Bench:
    """The targets and what they need, running."""

    def __init__(self, stage, options, targets):
        self.stage, self.options = stage, options
        self.stores = {}
        self.app = gateway.start_app(stage)
        self.tokens = accounts.write_tokens("sent.tokens", range(1, USERS, USERS // SENT))
        self.no_token = accounts.write_no_token()
        self.helpers = self.start_helpers({helper for target in targets for helper in target.helpers})
        accounts.write_maps(USERS)
        for target in targets:
            target.program = target.start(self)

    def start_helpers(self, names):
        running = {}
        if "redis" in names:
            running["redis"] = accounts.start_redis(self.stage)
            accounts.fill_redis_for_peers(USERS)
        if "authsvc" in names:
            command = [places.PEERS / "authsvc", "127.0.0.1:17191", f"redis://127.0.0.1:{places.REDIS_PORT}/"]
            running["authsvc"] = self.stage.start("authsvc", command, places.PROXY_CORE, 17191)
        return running

    def sqlite_store(self):
        """One store for all gateways that keep accounts in SQLite."""
        if "sqlite" not in self.stores:
            self.stores["sqlite"] = accounts.fill_sqlite(self.options.authgate, "compare.db", USERS)
        return self.stores["sqlite"]

    def redis_store(self):
        """One store for all gateways that keep accounts in Redis."""
        if "redis" not in self.stores:
            self.stores["redis"] = accounts.fill_redis(USERS)
        return self.stores["redis"]

    def measure_quietly(self, target):
        """One slice, or the quietest of several if others use too much of the machine."""
        return quietest(lambda: self.measure(target, self.options.secs), self.options.quiet)

    def measure(self, target, seconds):
        """One slice of load on one target."""
        own = [target.program] if target.program else []
        helpers = [self.helpers[name] for name in target.helpers]
        meter = CpuMeter([*own, *helpers, self.app])
        got = self.send(target, seconds)
        used, others = meter.stop()

        def micros(programs):
            return sum(used[program] for program in programs) * 1e6 / got.requests if own else None

        return {
            "requests": got.requests, "rate": got.rate, "p50": got.p50, "p99": got.p99, "failed": got.failed,
            "cpu": micros(own), "cpu_with_helpers": micros([*own, *helpers]), "others": others,
            "memory": target.program.memory_mb() if own else None,
        }

    def send(self, target, seconds):
        """The load of a slice: with tokens, but for targets that do not look at any."""
        checks = target.checks_tokens
        if self.options.mode == "latency":
            token = accounts.token(1) if checks else None
            return load.fixed_rate(target.port, token, seconds, self.options.rate)
        tokens = self.tokens if checks else self.no_token
        return load.full_speed(target.port, tokens, seconds, self.options.connections)


def check(targets):
    """Ends the run unless each target does what it is measured doing."""
    problems = [f"{target.name}: {problem}" for target in targets for problem in wrong_with(target)]
    if problems:
        sys.exit("\n".join(problems))
    report.progress("each target does what it should: " + ", ".join(target.name for target in targets))


def wrong_with(target):
    """What a target does that it should not."""
    number = 1 + USERS // SENT
    good = accounts.token(number) if target.checks_tokens else None
    status, body = load.get(target.port, headers=load.bearing(good))
    if status != 200 or len(body) != 1000:
        yield f"a good request gave {status} and {len(body)} bytes, not 200 and the app's 1000"
    if target.checks_tokens:
        for token in (accounts.token(0), None):
            status, _ = load.get(target.port, headers=load.bearing(token))
            if status != 401:
                yield f"{'a bad token' if token else 'no token'} gave {status}, not 401"
        _, told = load.get(target.port, "/whoami", load.bearing(good))
        wanted = f"authorization=[] id=[{number}] user=[{accounts.username(number)}]"
        if told != wanted:
            yield f"the app was told {told}, not {wanted}"


HEADINGS = ["target", "req/s", "CPU us/req", "+helpers", "p50 us", "p99 us", "memory MB",
            "req/s ratio", "CPU ratio", "p50 ratio", "p99 ratio", "failed", "others"]


def show(options, slices):
    """Prints the table."""
    load_is = (f"{options.connections} connections, {SENT} of {USERS} tokens" if options.mode == "throughput"
               else f"{options.rate} requests a second, one token of {USERS}")
    print(f"{options.mode}: {options.rounds} rounds of {options.secs} s, {load_is}; medians; "
          f"ratios to {YARDSTICK}, round by round\n")
    base = slices[YARDSTICK]
    report.table(HEADINGS, [row(name, rows, base) for name, rows in slices.items()], options.markdown)
    for rival in (rival for rival in RIVALS if rival in slices):
        for name in (name for name in slices if name.startswith("authgate")):
            ratio = report.ratio_per_round(*costs(slices, name, rival))
            print(f"\nCPU ratio of {name} to {rival}, helpers counted, round by round: {ratio:.2f}")


def costs(slices, *names):
    """CPU microseconds a request of each round, for each of the targets."""
    return [[slice["cpu_with_helpers"] for slice in slices[name]] for name in names]


def row(name, rows, base):
    def median(key, digits=0):
        values = [slice[key] for slice in rows]
        return "-" if None in values else f"{statistics.median(values):.{digits}f}"

    def ratio(key):
        values = [slice[key] for slice in rows]
        return "-" if None in values else f"{report.ratio_per_round(values, [slice[key] for slice in base]):.2f}"

    return [name, median("rate"), median("cpu", 1), median("cpu_with_helpers", 1), median("p50"), median("p99"),
            median("memory", 1), ratio("rate"), ratio("cpu_with_helpers"), ratio("p50"), ratio("p99"),
            sum(slice["failed"] for slice in rows), median("others", 2)]
