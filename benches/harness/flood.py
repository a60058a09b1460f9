"""Measures whether logins, which are slow by design, hold up the requests of everybody else.

Requests with a good token arrive at a fixed rate, in slices with a flood of logins and in slices
without, in turns. The flood comes from another process: clients that log in back to back. The
ratio of the latencies is taken in each round, and the median counts.

With --cores all, gateway, load and app share the machine as the system sees fit: then also the load
generator waits for a core while all of them hash, and its waiting counts as the gateway's. With
--cores apart the gateway has core 0 alone and everything else core 1: the latency is the gateway's,
and hashing has only the core that also proxies.
"""

import os
import random
import statistics
import time

from harness import accounts, gateway, load, places, report
from harness.login_clients import Flood
from harness.processes import CpuMeter, Stage

PORT = 17165
WARM_UP = 1  # seconds


def add_options(parser):
    """The options of `benches/run flood`."""
    parser.add_argument("--cores", choices=["all", "apart"], default="apart")
    parser.add_argument("--rate", type=int, default=1000, help="requests a second with a token")
    parser.add_argument("--clients", type=int, default=32, help="that log in back to back")
    parser.add_argument("--users", type=int, default=1_000)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--secs", type=int, default=5, help="of a slice")


def run(options):
    """Measures with and without the flood in turns, and reports."""
    places.require(["nginx", "taskset", "h2load"])
    places.require_authgate(options.authgate)
    slices = {"calm": [], "flood": []}
    is_apart = options.cores == "apart"
    proxy_core, load_core = (places.PROXY_CORE, places.LOAD_CORE) if is_apart else (None, None)
    with Stage() as stage:
        gateway.start_app(stage, load_core)
        store = accounts.fill_sqlite(options.authgate, "flood.db", options.users)
        program = gateway.start_authgate(stage, options.authgate, "authgate", PORT, store, proxy_core,
                                         threads=1 if is_apart else 0, cache_size=options.cache_size)
        if is_apart:
            os.sched_setaffinity(0, {int(load_core)})  # the flood's process inherits it
        load.fixed_rate(PORT, accounts.token(1), 1, options.rate, core=load_core)
        for at in range(options.rounds):
            for name in random.sample(sorted(slices), len(slices)):
                slices[name].append(measure(options, program, load_core, name == "flood"))
            report.progress(f"round {at + 1} of {options.rounds}: p99 {slices['calm'][-1]['p99']:.0f} us calm, "
                            f"{slices['flood'][-1]['p99']:.0f} us in the flood")
    report.save(options.out, options, slices)
    show(options, slices)


def measure(options, program, load_core, is_flooded):
    """One slice."""
    if not is_flooded:
        return send(options, program, load_core)
    with Flood(PORT, options.clients, options.users) as flood:
        time.sleep(WARM_UP)
        started, before = time.monotonic(), flood.counts[0]
        slice = send(options, program, load_core)
        slice["logins"] = (flood.counts[0] - before) / (time.monotonic() - started)
        slice["failed_logins"] = flood.counts[1]
        return slice


def send(options, program, load_core):
    meter = CpuMeter([program])
    got = load.fixed_rate(PORT, accounts.token(1), options.secs, options.rate, core=load_core)
    used, _ = meter.stop()
    return {"rate": got.rate, "p50": got.p50, "p99": got.p99, "failed": got.failed,
            "cores": used[program] / options.secs, "logins": 0.0, "failed_logins": 0}


def show(options, slices):
    """Prints the table."""
    print(f"{options.rounds} rounds of {options.secs} s, {options.rate} requests a second, {options.clients} clients "
          f"that log in, cores: {options.cores}; medians; ratios round by round\n")
    rows = []
    for name, of in slices.items():
        def median(key, digits=0, of=of):
            return f"{statistics.median(slice[key] for slice in of):.{digits}f}"

        def ratio(key, of=of):
            base = [slice[key] for slice in slices["calm"]]
            return f"{report.ratio_per_round([slice[key] for slice in of], base):.2f}"

        rows.append([name, median("rate"), median("p50"), median("p99"), ratio("p50"), ratio("p99"),
                     median("logins", 1), median("cores", 2), sum(slice["failed"] for slice in of),
                     sum(slice["failed_logins"] for slice in of)])
    report.table(["", "req/s", "p50 us", "p99 us", "p50 ratio", "p99 ratio", "logins/s", "cores used",
                  "failed", "failed logins"], rows)
