"""Measures what a flood of logins, which are slow by design, does to everybody else and to memory.

Requests with a good token arrive at a fixed rate, in slices with a flood of logins and in calm ones,
in turns. The flood comes from another process: logins at names that nobody has, which cost a hash as
any do, at ten times the rate at which the gateway can hash when it does nothing else, whatever the
answers take, over kept connections. The ratio of the latencies is taken in each round, and the
median counts.

Two gateways take it: one without limits, so that every login asks for a hash, and one with the
limits as they are shipped, which refuse most of them by 429.

Memory is resident memory: at first (before any login), in quiet (before this flood), the peak in the
flood, and how long after the last login was sent it is back within --slack of quiet. The goal for
the peak over "first" is 19 MiB for each thread that hashes and 64 MiB. "refused" are answers 503
and 429, from the request's last byte to the answer's, as the flood sees it: it has to wait for its
own core too. "works again" is how long after the flood a user's login succeeds; it comes from the
flood's own network, where the user is known, and under limits it may be refused (429). --rounds 1
--secs 60 is one long flood. Exit code 1 if a goal is missed.

With --cores all, gateway, load and app share the machine as the system sees fit: then also the load
generator waits for a core while all of them hash, and its waiting counts as the gateway's. With
--cores apart the gateway has core 0 alone and everything else core 1: the latency is the gateway's,
and hashing has only the core that also proxies.
"""

import os
import random
import statistics
import sys
import time

from harness import accounts, gateway, load, places, report
from harness.connection import Connection
from harness.login_clients import LoginClients, log_in
from harness.login_flood import LoginFlood
from harness.processes import CpuMeter, Stage

PORTS = {"no limits": 17165, "shipped limits": 17168}
WARM_UP = 1  # seconds
CALIBRATION = 4  # seconds
LOOKED_FOR = 30  # seconds, for the memory to be back
MIB = 2**20
HASH_MIB, SPARE_MIB = 19, 64
BACK_WITHIN = 10  # seconds
AT_ONCE = 0.005  # seconds


def add_options(parser):
    """The options of `benches/run flood`."""
    parser.add_argument("--cores", choices=["all", "apart"], default="apart")
    parser.add_argument("--rate", type=int, default=1000, help="requests a second with a token")
    parser.add_argument("--times", type=float, default=10, help="the hashing capacity at which logins arrive")
    parser.add_argument("--users", type=int, default=1_000)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--secs", type=int, default=5, help="of a slice")
    parser.add_argument("--slack", type=float, default=8, metavar="MIB", help="that memory may keep of a flood")
    parser.add_argument("--goal", type=float, default=1.5, help="for p99 in the flood, to that in quiet")


def run(options):
    """Measures with and without the flood in turns, and reports."""
    places.require(["nginx", "taskset", "h2load"])
    places.require_authgate(options.authgate)
    is_apart = options.cores == "apart"
    proxy_core, options.load_core = (places.PROXY_CORE, places.LOAD_CORE) if is_apart else (None, None)
    with Stage() as stage:
        gateway.start_app(stage, options.load_core)
        targets = [Target(stage, options, name, proxy_core) for name in PORTS]
        if is_apart:
            os.sched_setaffinity(0, {int(options.load_core)})  # the flood's process inherits it
        for target in targets:
            target.calibrate()
        for at in range(options.rounds):
            for target, name in random.sample([(target, name) for target in targets for name in ("calm", "flood")], 4):
                target.measure(name)
            report.progress(f"round {at + 1} of {options.rounds}: p99 " + ", ".join(
                f"{target.slices['calm'][-1]['p99']:.0f} us calm and {target.slices['flood'][-1]['p99']:.0f} us in the "
                f"flood with {target.name}" for target in targets))
    measured = {target.name: {"capacity": target.capacity, "first": target.first, **target.slices} for target in targets}
    report.save(options.out, options, measured)
    show(options, targets)
    if complaints := [complaint for target in targets for complaint in target.complaints()]:
        sys.exit("\n".join(complaints))


class Target:
    """A gateway, and what was measured of it."""

    def __init__(self, stage, options, name, core):
        self.options, self.name, self.port = options, name, PORTS[name]
        self.slices = {"calm": [], "flood": []}
        label = name.replace(" ", "-")
        store = accounts.fill_sqlite(options.authgate, f"flood-{label}.db", options.users)
        more = "[limits]\nenabled = false\n" if name == "no limits" else ""
        self.program = gateway.start_authgate(stage, options.authgate, label, self.port, store, core, more=more,
                                              threads=1 if core else 0, cache_size=options.cache_size)
        self.hashers = 1 if core else len(os.sched_getaffinity(0))
        self.first = self.capacity = 0

    def calibrate(self):
        """How many logins a second the gateway can answer, and what memory it had before the first."""
        self.load(1)
        self.first = self.program.resident_bytes()
        with LoginClients(self.port, 6, self.options.users) as clients:
            time.sleep(WARM_UP)
            started, before = time.monotonic(), clients.done
            time.sleep(CALIBRATION)
            self.capacity = (clients.done - before) / (time.monotonic() - started)
        if clients.failed:
            sys.exit(f"{clients.failed} logins failed before there was a flood")

    def measure(self, name):
        """One slice, with a flood or without."""
        self.slices[name].append(self.send() if name == "calm" else self.endure())

    def send(self):
        """Requests with a token."""
        meter = CpuMeter([self.program])
        got = self.load(self.options.secs)
        used, _ = meter.stop()
        return {"rate": got.rate, "p50": got.p50, "p99": got.p99, "failed": got.failed,
                "cores": used[self.program] / self.options.secs}

    def load(self, seconds):
        return load.fixed_rate(self.port, accounts.token(1), seconds, self.options.rate, core=self.options.load_core)

    def endure(self):
        """The same in a flood, and what becomes of it afterwards."""
        self.program.forget_peak()
        quiet = self.program.resident_bytes()
        with LoginFlood(self.port, self.options.times * self.capacity, self.options.users) as flood:
            time.sleep(WARM_UP)
            measured = self.send()
            flood.stop()
            ended = time.monotonic()
            peak = self.program.resident_bytes("VmHWM")
            works = self.until_login(ended)
            back = self.until_back(ended, quiet)
            seen = flood.wait()
        return {**measured, "quiet": quiet, "peak": peak, "back": back, "works": works,
                "left": self.program.resident_bytes(), "flood": seen}

    def until_login(self, ended):
        """Seconds until a login succeeds; `None` if it is refused for the limits' sake."""
        while time.monotonic() < ended + LOOKED_FOR:
            with Connection(self.port) as connection:
                status = connection.ask(log_in(1))
            if status in (200, 429):
                return time.monotonic() - ended if status == 200 else None
            time.sleep(0.05)
        return float("inf")

    def until_back(self, ended, quiet):
        """Seconds until resident memory is what it was."""
        while time.monotonic() < ended + LOOKED_FOR:
            if self.program.resident_bytes() <= quiet + self.options.slack * MIB:
                return time.monotonic() - ended
            time.sleep(0.05)
        return float("inf")

    def p99_ratio(self, key="p99"):
        """A latency in the flood to that in calm, round by round."""
        flood, calm = ([slice[key] for slice in self.slices[name]] for name in ("flood", "calm"))
        return report.ratio_per_round(flood, calm)

    def over(self):
        """By how many MiB the highest peak was over the memory of before any login."""
        return (max(slice["peak"] for slice in self.slices["flood"]) - self.first) / MIB

    def may_take(self):
        """The goal for that."""
        return self.hashers * HASH_MIB + SPARE_MIB

    def back(self):
        """The longest time until the memory was back."""
        return max(slice["back"] for slice in self.slices["flood"])

    def floods(self):
        """What the floods saw."""
        return [slice["flood"] for slice in self.slices["flood"]]

    def complaints(self):
        """Which goals are missed, in lines."""
        if (ratio := self.p99_ratio()) > self.options.goal:
            yield f"{self.name}: p99 in the flood is {ratio:.2f} of that in quiet; the goal is {self.options.goal:g}"
        if self.over() > self.may_take():
            yield f"{self.name}: {self.over():.0f} MiB more in the flood; the goal is {self.may_take()}"
        if self.back() > BACK_WITHIN:
            yield f"{self.name}: the memory is back after {self.back():.1f} s; the goal is {BACK_WITHIN}"
        if failed := sum(slice["failed"] for of in self.slices.values() for slice in of):
            yield f"{self.name}: {failed} requests with a token failed"
        if bare := sum(flood["no_retry_after"] for flood in self.floods()):
            yield f"{self.name}: {bare} refusals without Retry-After"


def show(options, targets):
    """Prints the tables."""
    print(f"{options.rounds} rounds of {options.secs} s, {options.rate} requests a second, logins at {options.times:g} times "
          f"the hashing capacity, cores: {options.cores}; medians; ratios round by round\n")
    rows = []
    for target in targets:
        for name, of in target.slices.items():
            def median(key, digits=0, of=of):
                return f"{statistics.median(slice[key] for slice in of):.{digits}f}"

            ratios = [f"{target.p99_ratio(key):.2f}" if name == "flood" else "" for key in ("p50", "p99")]
            rows.append([f"{target.name}, {name}", median("rate"), median("p50"), median("p99"), *ratios,
                         median("cores", 2), sum(slice["failed"] for slice in of)])
    report.table(["", "req/s", "p50 us", "p99 us", "p50 ratio", "p99 ratio", "cores used", "failed"], rows)
    print()
    report.table(["the logins", "hashes/s", "sent/s", "hashed/s", "503/s", "429/s", "other", "failed", "under 5 ms",
                  "refused p50 ms", "p99 ms", "most conns"], [answers(target) for target in targets])
    print()
    report.table(["memory, MiB", "first", "quiet", "peak", "over first", "goal", "left", "back after s", "works again s"],
                 [memory(target) for target in targets])


def answers(target):
    """What became of the logins."""
    floods = target.floods()
    seconds = sum(flood["seconds"] for flood in floods)

    def rate(*statuses):
        return f"{sum(len(flood['took'].get(status, [])) for flood in floods for status in statuses) / seconds:.1f}"

    refused = sorted(took for flood in floods for status in (429, 503) for took in flood["took"].get(status, []))
    other = sum(len(took) for flood in floods for status, took in flood["took"].items() if status not in (400, 429, 503))
    at_once = sum(took < AT_ONCE for took in refused) / len(refused) if refused else float("nan")
    quantiles = [f"{load.quantile(refused, share) * 1e3:.2f}" if refused else "-" for share in (0.5, 0.99)]
    return [target.name, f"{target.capacity:.1f}", f"{sum(flood['sent'] for flood in floods) / seconds:.1f}", rate(400),
            rate(503), rate(429), other, sum(flood["failed"] for flood in floods), f"{at_once:.1%}", *quantiles,
            max(flood["connections"] for flood in floods)]


def memory(target):
    """What became of the memory: the worst of each."""
    flooded = target.slices["flood"]
    worst = max(flooded, key=lambda slice: slice["peak"])
    works = [slice["works"] for slice in flooded if slice["works"] is not None]
    return [target.name, *(f"{value / MIB:.1f}" for value in (target.first, worst["quiet"], worst["peak"])),
            f"{target.over():.1f}", target.may_take(), f"{max(slice['left'] for slice in flooded) / MIB:.1f}",
            f"{target.back():.2f}", f"{max(works):.2f}" if works else "429"]
