"""Counts logins a second, beside the hashes a second that the machine can make at all.

A login costs one Argon2id hash (19 MiB, 2 iterations), so hashes bound logins. Clients on
kept-alive connections log in back to back, each time as another user; all cores take part. In turn,
round by round, Debian's libargon2 hashes the same password at the same cost, from a thread for each
core and with nothing else to do. The ratio is taken in each round, and the median counts.

A slice counts only after the clients have been busy for a second, and whoever waits when it ends
does not count: it began with as many who waited.
"""

import os
import random
import statistics
import time

from harness import accounts, argon2, gateway, places, report
from harness.login_clients import LoginClients
from harness.processes import CpuMeter, Stage

PORT = 17160
WARM_UP = 1  # seconds


def add_options(parser):
    """The options of `benches/run logins`."""
    parser.add_argument("--store", choices=["sqlite", "redis"], default="sqlite")
    parser.add_argument("--clients", type=int, default=12)
    parser.add_argument("--users", type=int, default=1_000)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--secs", type=int, default=5, help="of a slice")


def run(options):
    """Measures logins and hashes in turns, and reports."""
    places.require(["nginx", "taskset", *(["redis-server"] if options.store == "redis" else [])])
    places.require_authgate(options.authgate)
    hash_raw, cores = argon2.load_library(), len(os.sched_getaffinity(0))
    slices = {"logins": [], "hashes": []}
    with Stage() as stage:
        program = start(stage, options)
        measures = {"logins": lambda: count_logins(options, program),
                    "hashes": lambda: count_hashes(hash_raw, cores, options.secs)}
        for at in range(options.rounds):
            for name in random.sample(sorted(measures), len(measures)):
                slices[name].append(measures[name]())
            report.progress(f"round {at + 1} of {options.rounds}: {slices['logins'][-1]['rate']:.1f} logins/s, "
                            f"{slices['hashes'][-1]['rate']:.1f} hashes/s")
    report.save(options.out, options, slices)
    show(options, cores, slices)


def start(stage, options):
    """The gateway, as one would install it, on a store with users who all have the same password."""
    gateway.start_app(stage, core=None)
    if options.store == "redis":
        accounts.start_redis(stage, core=None)
        store = accounts.fill_redis(options.users)
    else:
        store = accounts.fill_sqlite(options.authgate, "logins.db", options.users)
    return gateway.start_authgate(stage, options.authgate, "authgate", PORT, store, core=None, threads=0,
                                  cache_size=options.cache_size)


def count_logins(options, program):
    """One slice of logins."""
    with LoginClients(PORT, options.clients, options.users) as clients:
        time.sleep(WARM_UP)
        meter = CpuMeter([program])
        started, before = time.monotonic(), clients.done
        time.sleep(options.secs)
        done, took = clients.done - before, time.monotonic() - started
        used, others = meter.stop()
    if clients.failed:
        raise SystemExit(f"{clients.failed} logins failed")
    return {"rate": done / took, "cpu": used[program] / done if done else None, "others": others,
            "memory": program.memory_mb()}


def count_hashes(hash_raw, cores, seconds):
    """One slice of hashes."""
    meter = CpuMeter([])
    rate = argon2.hashes_per_second(hash_raw, cores, seconds)
    _, others = meter.stop()
    return {"rate": rate, "others": others}


def show(options, cores, slices):
    """Prints the table."""
    print(f"{options.rounds} rounds of {options.secs} s; {options.clients} clients, {options.store}, {cores} cores; "
          "medians (least-greatest)\n")
    rates = {name: [slice["rate"] for slice in rows] for name, rows in slices.items()}
    rows = [[f"{name} a second", report.spread(rates[name], 1),
             f"{statistics.median(slice['others'] for slice in slices[name]):.2f}"] for name in slices]
    report.table(["", "rate", "others"], rows)
    ratios = [login / hashed for login, hashed in zip(rates["logins"], rates["hashes"])]
    cpu = statistics.median(slice["cpu"] for slice in slices["logins"]) * 1e3
    memory = statistics.median(slice["memory"] for slice in slices["logins"])
    print(f"\nlogins to hashes, round by round: {report.spread(ratios, 3)}; {cpu:.1f} ms of CPU a login; {memory:.0f} MB")
