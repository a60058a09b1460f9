"""Shows what it costs that a Redis tells fifty gateways of every change, and how soon a logout holds on all of them.

First no gateway runs, then ever more, each with the Redis's feed. With each number, records of tokens are written to
Redis one after another, as logins and logouts do it; each is told to every gateway. What Redis and the gateways
use beyond what they use when nothing is written is what the telling costs. Last, tokens that all gateways have in
memory are logged out on one, in turn, and all are asked again and again, at the same time, until each refuses: told is
how long after the 204 the last request was sent that was let through anywhere, and when the last refusal was here.
"""

import statistics
import time

from harness import accounts, gateway, places, report
from harness.connection import Connection, request
from harness.processes import CpuMeter, Stage
from harness.shards import Pipe

FIRST_PORT = 17200
SETTLE = 3  # seconds until the feeds of new gateways are there


def add_options(parser):
    """The options of `benches/run fleet`."""
    parser.add_argument("--gateways", type=int, nargs="+", default=[0, 1, 10, 25, 50], help="how many, in rising order")
    parser.add_argument("--writes", type=int, default=20_000, help="for each number of gateways")
    parser.add_argument("--logouts", type=int, default=200)


def run(options):
    """Measures with ever more gateways, and logs out on the last number of them."""
    places.require(["nginx", "redis-server"])
    places.require_authgate(options.authgate)
    with Stage() as stage:
        gateway.start_app(stage, core=None)
        redis = accounts.start_redis(stage, core=None)
        store = accounts.fill_redis(options.logouts)
        fleet, costs = [], []
        for count in options.gateways:
            fleet += [start(stage, options, number, store) for number in range(len(fleet), count)]
            time.sleep(SETTLE)
            costs.append(cost(options, redis, fleet))
            report.progress(f"{count} gateways: {costs[-1]['redis']:.1f} µs of Redis a write")
        trials = log_out_everywhere(options, len(fleet))
    report.save(options.out, options, {"costs": costs, "trials": trials})
    show(options, costs, trials)


def start(stage, options, number, store):
    """A gateway with one thread: fifty of them have two cores."""
    return gateway.start_authgate(stage, options.authgate, f"authgate-{number}", FIRST_PORT + number, store, core=None,
                                  more=gateway.limits())


def cost(options, redis, fleet):
    """Microseconds of Redis a write, and of one gateway."""
    meter = CpuMeter([redis, *fleet])
    began = time.monotonic()
    write(options.writes, options.logouts)
    took = time.monotonic() - began
    time.sleep(0.5)  # until all have read it
    busy, _ = meter.stop()
    idle = rest([redis, *fleet], took + 0.5)
    beyond = {program: (busy[program] - idle[program]) / options.writes * 1e6 for program in busy}
    each = statistics.fmean(beyond[program] for program in fleet) if fleet else 0.0
    return {"gateways": len(fleet), "redis": beyond[redis], "gateway": each, "writes a second": options.writes / took}


def rest(programs, seconds):
    """What they use when nothing is written."""
    meter = CpuMeter(programs)
    time.sleep(seconds)
    return meter.stop()[0]


def write(count, after):
    """Writes records of tokens that nobody uses, each when the one before is there."""
    now, end = accounts.moments()
    pipe = Pipe(places.REDIS_PORT)
    for number in range(after + 1, after + 1 + count):
        key, _, record = accounts.redis_token(number, now, end)
        pipe.put(("SET", f"authgate:token:{{{key}}}", record, "PX", 60_000))
        pipe.flush()


def log_out_everywhere(options, count):
    """Seconds after each 204: of the last request that was let through, and of the last refusal."""
    connections = [Connection(FIRST_PORT + number) for number in range(count)]
    return [log_out(connections, number) for number in range(1, options.logouts + 1)] if count else []


def log_out(connections, number):
    token = accounts.token(number)
    asking = request("GET", "/", token)
    for _ in range(2):
        ask_all(connections, asking, 200)
    first = connections[number % len(connections)]
    if first.ask(request("POST", "/api/logout/", token)) != 204:
        raise SystemExit("a logout was not answered with 204")
    ended, accepted, left = time.monotonic(), 0.0, connections
    while left:
        sent = []
        for connection in left:
            connection.socket.sendall(asking)
            sent.append(time.monotonic() - ended)
        statuses = [connection.receive() for connection in left]
        if not set(statuses) <= {200, 401}:
            raise SystemExit(f"answers that are neither 200 nor 401: {statuses}")
        accepted = max([accepted, *(at for at, status in zip(sent, statuses) if status == 200)])
        left = [connection for connection, status in zip(left, statuses) if status == 200]
    return {"accepted": accepted, "refused": time.monotonic() - ended}


def ask_all(connections, asking, expected):
    """Asks all at once, and ends the run at another answer."""
    for connection in connections:
        connection.socket.sendall(asking)
    for connection in connections:
        if (status := connection.receive()) != expected:
            raise SystemExit(f"a good token was answered with {status}")


def show(options, costs, trials):
    """Prints both tables."""
    print(f"\nrecords of tokens written one after another, {options.writes} for each line; CPU beyond that of rest\n")
    rows = [(cost["gateways"], f"{cost['redis']:.1f}", f"{cost['gateway']:.1f}", f"{cost['writes a second']:.0f}")
            for cost in costs]
    report.table(["gateways", "µs of Redis a write", "µs of each gateway", "writes/s here"], rows)
    if trials:
        print(f"\n{len(trials)} logouts, {costs[-1]['gateways']} gateways that have the token in memory\n")
        rows = [(name, f"{statistics.median(values):.1f}", f"{max(values):.1f}") for name, values in (
            ("accepted until", [trial["accepted"] * 1e3 for trial in trials]),
            ("all have refused by", [trial["refused"] * 1e3 for trial in trials]))]
        report.table(["milliseconds after the logout", "median", "worst"], rows)
