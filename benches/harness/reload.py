"""Counts the requests that fail while the settings are read again, a thousand times.

wrk sends requests on kept connections as fast as it can, and others send them with pauses and on
fresh connections, while `authgate reload` follows `authgate reload`. Each puts other settings to
work: a header of the route's answers, and the upstream's timeout, so that it is a new upstream with
new connections. After each it is asked whether they hold. A failed request is one that is
not answered with 200, or not at all.
"""

import statistics
import sys
import time

from harness import accounts, gateway, load, places, report
from harness.callers import Callers
from harness.processes import Stage

PORT = 17185
USERS = 1_000
CONTROL = "reload.control"


def add_options(parser):
    """The options of `benches/run reload`."""
    parser.add_argument("--reloads", type=int, default=1000)
    parser.add_argument("--connections", type=int, default=32, help="of wrk")
    parser.add_argument("--kept", type=int, default=8, help="other kept connections, with pauses")
    parser.add_argument("--fresh", type=int, default=2, help="clients with a connection for each request")


def run(options):
    """Reloads under load, and reports. Exit code 1 if a request or a reload failed."""
    places.require(["nginx", "taskset", "wrk"])
    places.require_authgate(options.authgate)
    with Stage() as stage:
        gateway.start_app(stage)
        store = accounts.fill_sqlite(options.authgate, "reload.db", USERS)
        (places.RUN / CONTROL).unlink(missing_ok=True)
        program = gateway.start_authgate(stage, options.authgate, "authgate", PORT, store, **settings(options, 0))
        tokens = accounts.write_tokens("reload.tokens", range(1, USERS + 1))
        before = program.resident_bytes() / 2**20
        with load.FullSpeed(PORT, tokens, options.connections) as wrk, \
             Callers(PORT, accounts.token(1), options.kept, options.fresh) as callers:
            took, complaints = reload_often(options, store)
            got = wrk.stop()
        after = program.resident_bytes() / 2**20
    measured = {"reloads": len(took), "seconds": took, "requests": got.requests + callers.answered(),
                "rate": got.rate, "p99": got.p99, "failed_of_wrk": got.failed, "callers": callers.seen,
                "complaints": complaints, "memory": [before, after]}
    report.save(options.out, options, measured)
    failures = [*complaints, *callers.failures(), *([f"wrk: {got.failed} failed"] if got.failed else [])]
    show(options, measured, failures)
    if failures:
        sys.exit(1)


def settings(options, number):
    """Settings that differ from those of the number before."""
    more = f'set_response_headers = {{ "X-Settings" = "{number}" }}'
    return {"cache_size": options.cache_size, "control": places.RUN / CONTROL,
            "upstream": f'read_timeout = "{60 + number % 2}s"', "routes": gateway.route("/", more=more)}


def reload_often(options, store):
    """How long each reload took, and what went wrong."""
    took, complaints = [], []
    for number in range(1, options.reloads + 1):
        gateway.write_settings("authgate", PORT, store, **settings(options, number))
        started = time.monotonic()
        if complaint := gateway.tell(options.authgate, places.RUN / CONTROL, "reload"):
            complaints.append(f"reload {number}: {complaint}")
        took.append(time.monotonic() - started)
        told = load.header(PORT, "X-Settings", load.bearing(accounts.token(1)))
        if told != str(number):
            complaints.append(f"reload {number}: the settings at work are those of {told}")
        if number % 100 == 0:
            report.progress(f"{number} of {options.reloads} reloads")
    return took, complaints


def show(options, measured, failures):
    """Prints what was measured."""
    before, after = measured["memory"]
    print(f"{measured['reloads']} reloads ({statistics.median(measured['seconds']) * 1e3:.1f} ms each) under "
          f"{options.connections} busy connections, {options.kept} with pauses and {options.fresh} clients without: "
          f"{measured['requests']} requests answered, {len(failures)} kinds of failure; resident memory "
          f"{before:.1f} MB before the load, {after:.1f} MB after it")
    for failure in failures[:20]:
        print(failure)
