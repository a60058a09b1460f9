"""Shows what a table of 10,000 routes costs a request, beside one of 10.

Two gateways take turns, slice by slice. All routes are /teams/NUMBER/app (or, with --by host, the
path / of a host each); the ten of the small table are in the large one too. Every request has a
token. "10,000, ten asked" gets the very requests that "10" gets; "10,000, all asked" gets one for
each of its routes in turn, so that no look-up finds what the one before it has left in the
processor's caches. What counts is CPU time a request, to that of "10" in the same round.
"""

import itertools
import random
import statistics

from harness import accounts, gateway, load, places, report
from harness.processes import CpuMeter, Stage, quietest

PORTS = {"few": 17170, "many": 17171}
USERS = 1_000
CONNECTIONS = 32


def add_options(parser):
    """The options of `benches/run routes`."""
    parser.add_argument("--few", type=int, default=10, help="routes of the small table")
    parser.add_argument("--many", type=int, default=10_000, help="routes of the large table")
    parser.add_argument("--by", choices=["path", "host"], default="path", help="what the routes differ in")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--secs", type=int, default=4, help="of a slice")
    parser.add_argument("--quiet", type=float, default=float("inf"), metavar="CORES",
                        help="a slice during which others used more is repeated, at most twice; the quietest counts")


def run(options):
    """Measures both gateways in turns, and reports."""
    places.require(["nginx", "taskset", "wrk"])
    places.require_authgate(options.authgate)
    with Stage() as stage:
        app = gateway.start_app(stage)
        store = accounts.fill_sqlite(options.authgate, "routes.db", USERS)
        programs = {name: start_gateway(stage, options, name, store) for name in PORTS}
        sent = {"few": write_requests(options, "few", options.few),
                "many, few asked": write_requests(options, "few", options.few),
                "many, all asked": write_requests(options, "all", options.many)}
        slices = {name: [] for name in sent}
        for name in sent:
            measure(programs, app, name, sent[name], 1)  # unmeasured: tokens, connections
        for at in range(options.rounds):
            for name in random.sample(sorted(slices), len(slices)):
                slices[name].append(quietest(lambda name=name: measure(programs, app, name, sent[name], options.secs),
                                             options.quiet))
            report.progress(f"round {at + 1} of {options.rounds}")
    report.save(options.out, options, slices)
    show(options, slices)


def start_gateway(stage, options, name, store):
    """A gateway with a table of so many routes."""
    tables = "\n".join(gateway.route(path, host=host) for path, host in places_of(options, getattr(options, name)))
    return gateway.start_authgate(stage, options.authgate, f"authgate-{name}", PORTS[name], store,
                                  cache_size=options.cache_size, routes=tables)


def places_of(options, count):
    """Path and host of the first routes. The ten of the small table lie all over the large one."""
    step = 7_919  # a prime: neighbours in this order are none in the table
    numbers = [at * step % options.many for at in range(count)]
    if options.by == "host":
        return [("/", f"team-{number:05}.bench.local") for number in numbers]
    return [(f"/teams/{number:05}/app", None) for number in numbers]


def write_requests(options, name, routes):
    """As many different requests whatever the routes, so that the load generator does the same."""
    below = "" if options.by == "path" else "teams/00000/app"
    found = itertools.islice(itertools.cycle(places_of(options, routes)), options.many)
    file = places.RUN / f"routes-{name}.requests"
    with open(file, "w", encoding="ascii") as lines:
        for number, (path, host) in enumerate(found):
            lines.write(f"{accounts.token(1 + number % USERS)} {path}{below}/items {host or 'bench.local'}\n")
    return file


def measure(programs, app, name, requests, seconds):
    """One slice of load."""
    name = name.split(",", maxsplit=1)[0]
    program = programs[name]
    meter = CpuMeter([program, app])
    got = load.full_speed(PORTS[name], requests, seconds, CONNECTIONS)
    used, others = meter.stop()
    return {"rate": got.rate, "cpu": used[program] * 1e6 / got.requests, "p50": got.p50, "p99": got.p99,
            "failed": got.failed, "others": others, "memory": program.resident_bytes() / 2**20}


def show(options, slices):
    """Prints the table."""
    print(f"routes by {options.by}: {options.rounds} rounds of {options.secs} s, {CONNECTIONS} connections; medians; "
          f"ratios round by round to the table of {options.few}\n")
    base = slices["few"]
    names = {"few": f"{options.few}", "many, few asked": f"{options.many}, {options.few} asked",
             "many, all asked": f"{options.many}, all asked"}
    rows = []
    for key, of in slices.items():
        def median(what, digits=0, of=of):
            return f"{statistics.median(slice[what] for slice in of):.{digits}f}"

        ratio = report.ratio_per_round([slice["cpu"] for slice in of], [slice["cpu"] for slice in base])
        rows.append([names[key], median("rate"), median("cpu", 2), f"{ratio:.3f}", median("p50"), median("p99"),
                     median("memory", 1), sum(slice["failed"] for slice in of), median("others", 2)])
    report.table(["routes", "req/s", "CPU us/req", "CPU ratio", "p50 us", "p99 us", "RSS MB", "failed", "others"], rows)
