"""Shows what a million live tokens cost, beside a thousand, and what memory each cached token takes.

Speed: two gateways take turns, slice by slice, one on a store of a million tokens, the other on one
of a thousand. The requests spread over 100,000 of the million, and over all of the thousand; each
token has been used before the first slice. Every token has a user of its own.

Memory: a fresh gateway first serves one token until its buffers are there, then 200,000 more. What
its resident memory has grown by, over 200,000, is the memory for each. With a store that reads its
file in the gateway's own process (SQLite), the growth includes what the store keeps in memory for
itself; with Redis it does not. Set --cache-size large enough to hold all of them.
"""

import random
import statistics

from harness import accounts, gateway, load, places, report
from harness.processes import CpuMeter, Stage

PORTS = {"many": 17140, "few": 17141}
CONNECTIONS = 32


def add_options(parser):
    """The options of `benches/run tokens`."""
    parser.set_defaults(cache_size="512MiB")
    parser.add_argument("--store", choices=["sqlite", "redis"], default="sqlite")
    parser.add_argument("--many", type=int, default=1_000_000, help="tokens in the large store")
    parser.add_argument("--sent", type=int, default=100_000, help="different tokens of the large store in requests")
    parser.add_argument("--few", type=int, default=1_000, help="tokens in the small store")
    parser.add_argument("--cached", type=int, default=200_000, help="tokens for the measure of memory")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--secs", type=int, default=4, help="of a slice")
    parser.add_argument("--skip", choices=["speed", "memory"], help="which of the two not to measure")


def run(options):
    """Measures speed, then memory."""
    places.require(["nginx", "taskset", "wrk", *(["redis-server"] if options.store == "redis" else [])])
    places.require_authgate(options.authgate)
    measured = {}
    if options.skip != "speed":
        measured["speed"] = measure_speed(options)
        show_speed(options, measured["speed"])
    if options.skip != "memory":
        measured["memory"] = measure_memory(options)
        show_memory(options, measured["memory"])
    report.save(options.out, options, measured)


def measure_speed(options):
    """Slices of both gateways, in turns."""
    with Stage() as stage:
        app = gateway.start_app(stage)
        if options.store == "redis":
            accounts.start_redis(stage)
        counts = {"many": options.many, "few": options.few}
        gateways = {name: start_gateway(stage, options, name, count) for name, count in counts.items()}
        spread = range(1, options.many + 1, max(1, options.many // options.sent))
        sent = {"many": accounts.write_tokens("many.tokens", spread),
                "few": accounts.write_tokens("few.tokens", range(1, options.few + 1))}
        use_all(PORTS["many"], sent["many"], len(spread))
        use_all(PORTS["few"], sent["few"], options.few)
        slices = {name: [] for name in PORTS}
        for at in range(options.rounds):
            for name in random.sample(sorted(PORTS), len(PORTS)):
                meter = CpuMeter([gateways[name], app])
                got = load.full_speed(PORTS[name], sent[name], options.secs, CONNECTIONS)
                used, others = meter.stop()
                slices[name].append({"rate": got.rate, "cpu": used[gateways[name]] * 1e6 / got.requests, "p99": got.p99,
                                     "failed": got.failed, "others": others,
                                     "memory": gateways[name].resident_bytes() / 2**20})
            report.progress(f"round {at + 1} of {options.rounds}")
        return slices


def start_gateway(stage, options, name, count):
    """A gateway on a store of its own with so many tokens."""
    report.progress(f"making a store of {count} tokens")
    if options.store == "redis":
        store = accounts.fill_redis(count, database=sorted(PORTS).index(name))
    else:
        store = accounts.fill_sqlite(options.authgate, f"{name}.db", count)
    return gateway.start_authgate(stage, options.authgate, f"authgate-{name}", PORTS[name], store,
                                  cache_size=options.cache_size)


def use_all(port, tokens, count):
    """Uses each token of the file at least once. Ends the run if any is refused."""
    report.progress(f"using {count} tokens once")
    seconds = 2
    while True:
        got = load.full_speed(port, tokens, seconds, CONNECTIONS)
        if got.failed:
            raise SystemExit(f"{got.failed} of {got.requests} requests failed")
        # wrk begins at the top of the file each time.
        if got.requests > count + CONNECTIONS:
            return
        seconds = int(seconds * 1.3 * count / got.requests) + 1


def measure_memory(options):
    """What a gateway's memory grows by when it gets to know tokens."""
    with Stage() as stage:
        gateway.start_app(stage)
        if options.store == "redis":
            accounts.start_redis(stage)
        program = start_gateway(stage, options, "many", options.cached + 1)
        use_all(PORTS["many"], accounts.write_tokens("first.tokens", [options.cached + 1]), 20_000)
        before = memory_of(program)
        use_all(PORTS["many"], accounts.write_tokens("cached.tokens", range(1, options.cached + 1)), options.cached)
        after = memory_of(program)
    return {"before": before, "after": after,
            "bytes_per_token": {kind: (after[kind] - before[kind]) / options.cached for kind in after}}


def memory_of(program):
    """Resident memory in bytes: all of it, and the part that is no file's."""
    return {"resident": program.resident_bytes(), "anonymous": program.resident_bytes("RssAnon")}


def show_speed(options, slices):
    """Prints the table of speeds."""
    few = slices["few"]
    print(f"\n{options.store}: {options.rounds} rounds of {options.secs} s; medians; ratios round by round to the few\n")
    rows = []
    for name, tokens, sent in (("few", options.few, options.few), ("many", options.many, options.sent)):
        def median(key, of=slices[name]):
            return statistics.median(slice[key] for slice in of)

        def ratio(key, of=slices[name]):
            values = report.ratio_per_round([slice[key] for slice in of], [slice[key] for slice in few])
            return f"{values:.3f}"

        rows.append([tokens, sent, f"{median('rate'):.0f}", f"{median('cpu'):.1f}", f"{median('p99'):.0f}",
                     f"{median('memory'):.1f}", ratio("rate"), ratio("cpu"),
                     sum(slice["failed"] for slice in slices[name]), f"{median('others'):.2f}"])
    report.table(["tokens", "sent", "req/s", "CPU us/req", "p99 us", "RSS MB", "req/s ratio", "CPU ratio",
                  "failed", "others"], rows)


def show_memory(options, measured):
    """Prints the memory for each token."""
    each = measured["bytes_per_token"]
    print(f"\n{options.store}: {options.cached} tokens used; resident memory from "
          f"{measured['before']['resident'] / 2**20:.1f} to {measured['after']['resident'] / 2**20:.1f} MB: "
          f"{each['resident']:.0f} bytes a token ({each['anonymous']:.0f} of them anonymous)")
