"""Measures what authgate adds to plain Pingora's latency at a fixed rate of requests.

The rate is kept whatever the answers take: each request is due at a moment of its own, and its
latency counts from that moment (no coordinated omission; benches/peers/steady sends them, evenly
spaced over its connections). Plain Pingora and authgate, which knows the token of the requests, take
turns, slice by slice. The added latency is the difference within a round, and the median of these
counts. The gateways have core 0, the load generator and the app core 1.

"sent late" is by how much the load generator itself missed the moments (p99): it is part of each
latency, and where it is not far below the gateways' own the figures say little.
"""

import collections
import random
import statistics

from harness import accounts, gateway, load, places, report
from harness.processes import CpuMeter, Stage, quietest

YARDSTICK = "plain-pingora"
PORTS = {YARDSTICK: 17101, "authgate": 17180}
USERS = 1_000


def add_options(parser):
    """The options of `benches/run latency`."""
    parser.add_argument("--rate", type=int, default=5000, help="requests a second")
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--secs", type=int, default=5, help="of a slice")
    parser.add_argument("--goal", type=float, default=0.3, help="milliseconds that the p99 may grow by")
    parser.add_argument("--quiet", type=float, default=float("inf"), metavar="CORES",
                        help="a slice during which others used more is repeated, at most twice; the quietest counts")


def run(options):
    """Measures both in turns, and reports."""
    places.require(["nginx", "taskset"])
    places.require_peers([YARDSTICK, "steady"])
    places.require_authgate(options.authgate)
    slices = {name: [] for name in PORTS}
    with Stage() as stage:
        app = gateway.start_app(stage)
        programs = {YARDSTICK: start_yardstick(stage), "authgate": start_authgate(stage, options)}
        for name in PORTS:
            measure(options, programs, app, name, 1)  # unmeasured: the token, connections
        for at in range(options.rounds):
            for name in random.sample(sorted(PORTS), len(PORTS)):
                slices[name].append(quietest(lambda name=name: measure(options, programs, app, name, options.secs),
                                             options.quiet))
            report.progress(f"round {at + 1} of {options.rounds}: p99 " + ", ".join(
                f"{name} {rows[-1]['p99']:.0f} us" for name, rows in slices.items()))
    report.save(options.out, options, slices)
    show(options, slices)


def start_yardstick(stage):
    command = [places.PEERS / YARDSTICK, f"127.0.0.1:{PORTS[YARDSTICK]}", f"127.0.0.1:{places.APP_PORT}"]
    return stage.start(YARDSTICK, command, places.PROXY_CORE, PORTS[YARDSTICK])


def start_authgate(stage, options):
    store = accounts.fill_sqlite(options.authgate, "latency.db", USERS)
    return gateway.start_authgate(stage, options.authgate, "authgate", PORTS["authgate"], store,
                                  cache_size=options.cache_size)


def measure(options, programs, app, name, seconds):
    """One slice; latencies in microseconds."""
    program = programs[name]
    meter = CpuMeter([program, app])
    token = accounts.token(1) if name == "authgate" else None
    got = load.steady(PORTS[name], token, seconds, options.rate, options.connections)
    used, others = meter.stop()
    return {**got, "cpu": used[program] * 1e6 / got["requests"], "others": others}


def show(options, slices):
    """Prints the table, and the added latency."""
    print(f"{options.rounds} rounds of {options.secs} s, {options.rate} requests a second on {options.connections} "
          "connections; medians; differences round by round\n")
    rows = []
    for name, of in slices.items():
        def median(key, digits=0, of=of):
            return f"{statistics.median(slice[key] for slice in of):.{digits}f}"

        rows.append([name, median("rate"), *(median(key) for key in ("p50", "p99", "p999", "late")), median("cpu", 1),
                     sum(slice["failed"] for slice in of), median("others", 2)])
    report.table(["target", "req/s", "p50 us", "p99 us", "p99.9 us", "sent late us", "CPU us/req", "failed", "others"],
                 rows)
    whys = sum((collections.Counter(slice["whys"]) for of in slices.values() for slice in of), collections.Counter())
    for why, count in whys.most_common():
        print(f"{count} requests failed: {why}")
    for key in ("p50", "p99"):
        added = [own[key] / 1e3 - base[key] / 1e3 for own, base in zip(slices["authgate"], slices[YARDSTICK])]
        goal = f"; the goal is {options.goal:g}" if key == "p99" else ""
        print(f"\nadded {key}: {report.spread(added, 3)} ms{goal}")
