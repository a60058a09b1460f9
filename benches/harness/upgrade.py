"""Counts the requests that fail while a new process takes over from the old one, again and again.

wrk sends requests on kept connections as fast as it can, others send them with pauses and on fresh
connections, while `authgate upgrade` starts the program anew, several times. A failed request is one
that is not answered with 200, or not at all. A client that was told `Connection: close` reconnects,
as clients do. Nothing is pinned, and the gateway has its own number of threads.
"""

import statistics
import sys
import time

from harness import accounts, gateway, load, places, report
from harness.callers import Callers
from harness.processes import Stage

PORT = 17186
USERS = 1_000
CONTROL = "upgrade.control"


def add_options(parser):
    """The options of `benches/run upgrade`."""
    parser.add_argument("--upgrades", type=int, default=20)
    parser.add_argument("--between", type=float, default=1, help="seconds from one to the next")
    parser.add_argument("--connections", type=int, default=32, help="of wrk")
    parser.add_argument("--kept", type=int, default=8, help="other kept connections, with pauses")
    parser.add_argument("--fresh", type=int, default=4, help="clients with a connection for each request")
    parser.add_argument("--store", choices=["sqlite", "redis"], default="sqlite")


def run(options):
    """Upgrades under load, and reports. Exit code 1 if a request or an upgrade failed."""
    places.require(["nginx", "wrk", *(["redis-server"] if options.store == "redis" else [])])
    places.require_authgate(options.authgate)
    with Stage() as stage:
        gateway.start_app(stage, core=None)
        store = start_store(stage, options)
        control = places.RUN / CONTROL
        control.unlink(missing_ok=True)
        gateway.start_authgate(stage, options.authgate, "authgate", PORT, store, core=None, threads=0,
                               cache_size=options.cache_size, control=control)
        tokens = accounts.write_tokens("upgrade.tokens", range(1, USERS + 1))
        with load.FullSpeed(PORT, tokens, options.connections, core=None) as wrk, \
             Callers(PORT, accounts.token(1), options.kept, options.fresh) as callers:
            took, complaints = upgrade_often(options, control)
            got = wrk.stop()
    measured = {"seconds": took, "requests": got.requests + callers.answered(), "rate": got.rate, "p99": got.p99,
                "failed_of_wrk": got.failed, "callers": callers.seen, "complaints": complaints}
    report.save(options.out, options, measured)
    failures = [*complaints, *callers.failures(), *([f"wrk: {got.failed} failed"] if got.failed else [])]
    print(f"{len(took)} upgrades ({statistics.median(took) * 1e3:.0f} ms each) under {options.connections} busy "
          f"connections, {options.kept} with pauses and {options.fresh} clients with a connection for each request: "
          f"{measured['requests']} requests answered, {callers.seen.get('fresh', {}).get('200', 0)} of them on fresh "
          f"connections, {len(failures)} kinds of failure")
    for failure in failures[:20]:
        print(failure)
    if failures:
        sys.exit(1)


def start_store(stage, options):
    if options.store == "redis":
        accounts.start_redis(stage, core=None)
        return accounts.fill_redis(USERS)
    return accounts.fill_sqlite(options.authgate, "upgrade.db", USERS)


def upgrade_often(options, control):
    """How long each upgrade took, and what went wrong."""
    took, complaints = [], []
    for number in range(1, options.upgrades + 1):
        time.sleep(options.between)
        started = time.monotonic()
        if complaint := gateway.tell(options.authgate, control, "upgrade"):
            complaints.append(f"upgrade {number}: {complaint}")
        took.append(time.monotonic() - started)
        report.progress(f"{number} of {options.upgrades} upgrades")
    time.sleep(options.between)
    return took, complaints
