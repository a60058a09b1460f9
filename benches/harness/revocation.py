"""Measures how soon a logout on one gateway holds on another, which has the token in memory.

Two gateways, A and B, share a Redis. Each trial takes a token of its own: B serves it, A is told to
log it out, and from the moment that A's 204 is here, B is asked again and again on one kept-alive
connection until it refuses. Other tokens keep both gateways busy meanwhile, at a fixed rate.

  refused after     from the receipt of A's 204 to the receipt of B's first refusal: never too good,
                    since a round trip to B is in it
  accepted until    from the receipt of A's 204 to the sending of the last request that B let through;
                    0 for a trial in which it let none through

Feed cut: B reaches Redis through a relay, which breaks the connection (drop: connections end, new
ones are refused) or goes silent (freeze: they stay open, no byte moves). The token is logged out on A
at once, so B cannot be told. B may let it through until it notices; from then on it must refuse, and
never let it through again. After the cut heals, "back after" says when B serves good tokens again.
"""

import collections
import statistics
import sys
import time

from harness import accounts, gateway, load, places, report
from harness.connection import Connection, request
from harness.cutter import Cutter
from harness.processes import Stage

A, B = 17150, 17151
# Users whose tokens only make the background load.
BUSY_A, BUSY_B = 1, 2
FIRST = 3
# Seconds in which B's feed comes up. Before that B asks the store each time, and no cut can harm.
SETTLE = 3
LIMIT = 30  # seconds after which a trial is given up


def add_options(parser):
    """The options of `benches/run revocation`."""
    parser.add_argument("--trials", type=int, default=10_000, help="with the feed whole")
    parser.add_argument("--cuts", type=int, default=20, help="trials of each way to cut the feed")
    parser.add_argument("--watch", type=float, default=3.0, metavar="SECONDS", help="how long B is asked after a cut")
    parser.add_argument("--load", type=int, default=1000, help="requests a second in the background on each gateway")
    parser.add_argument("--goal", type=float, default=1.1, metavar="SECONDS",
                        help="a cut fails if B lets the token through for longer after A's 204")


def run(options):
    """Measures with the feed whole, then cut."""
    places.require(["nginx", "taskset", "h2load", "redis-server"])
    places.require_authgate(options.authgate)
    # A cut takes two tokens: one that is logged out, one that shows that B is back.
    users = FIRST + options.trials + 2 * 2 * options.cuts
    numbers = iter(range(FIRST, users + 1))
    with Stage() as stage:
        # Nothing is pinned: how soon two gateways agree is no question of one core.
        gateway.start_app(stage, core=None)
        accounts.start_redis(stage, core=None)
        store = accounts.fill_redis(users)
        start_gateway(stage, options, "A", A, store)
        start_load(stage, options, "A", A, BUSY_A)
        whole = measure_whole(stage, options, store, numbers)
        cuts = measure_cuts(stage, options, numbers)
    report.save(options.out, options, {"whole": whole, **cuts})
    if whole:
        show_whole(options, whole)
    if options.cuts and not show_cuts(options, cuts):
        sys.exit(1)


def start_gateway(stage, options, name, port, store):
    """A gateway as one would install it: on all cores, with authgate's own number of threads."""
    return gateway.start_authgate(stage, options.authgate, f"authgate-{name}", port, store, core=None, threads=0,
                                  cache_size=options.cache_size)


def start_load(stage, options, name, port, user):
    """The background load of a gateway."""
    if options.load:
        return [load.endless(stage, f"load-{name}", port, accounts.token(user), options.load)]
    return []


def measure_whole(stage, options, store, numbers):
    """Trials with B beside Redis, nothing between them."""
    programs = [start_gateway(stage, options, "B", B, store), *start_load(stage, options, "B", B, BUSY_B)]
    time.sleep(SETTLE)
    trials = [trial(next(numbers)) for _ in count_to(options.trials, "trials", 1000)]
    for program in programs:
        program.kill()
    return trials


def measure_cuts(stage, options, numbers):
    """Trials with B behind what cuts it off; a new B, for the relay costs time when nothing is cut."""
    if not options.cuts:
        return {}
    with Cutter(places.CUT_PORT, places.REDIS_PORT) as cutter:
        start_gateway(stage, options, "B", B, f"redis://127.0.0.1:{places.CUT_PORT}/0")
        start_load(stage, options, "B", B, BUSY_B)
        return {way: [cut_trial(cutter, way, numbers, options.watch) for _ in count_to(options.cuts, way, 5)]
                for way in ("drop", "freeze")}


def count_to(total, what, step):
    """Counts trials, and says now and then how far it is."""
    for at in range(total):
        yield at
        if (at + 1) % step == 0:
            report.progress(f"{what}: {at + 1} of {total}")


def trial(number):
    """One logout with the feed whole; times in seconds after A's 204."""
    token = accounts.token(number)
    asking = request("GET", "/", token)
    with Connection(A) as a, Connection(B) as b:
        use(b, asking)
        revoked = log_out(a, token)
        accepted = 0.0
        while True:
            sent = time.monotonic() - revoked
            status = b.ask(asking)
            received = time.monotonic() - revoked
            if status == 401:
                return {"refused": received, "accepted": accepted}
            if status != 200 or received > LIMIT:
                sys.exit(f"B answered {status}, {received:.3f} s after the logout")
            accepted = sent


def use(b, asking):
    """Makes B know a token, so that it need not ask the store next time."""
    for _ in range(2):
        status = b.ask(asking)
        if status != 200:
            sys.exit(f"B answered a good token with {status}")


def log_out(a, token):
    """Logs a token out on A; returns the moment of the answer's receipt."""
    status = a.ask(request("POST", "/api/logout/", token))
    if status != 204:
        sys.exit(f"A answered the logout with {status}")
    return time.monotonic()


def cut_trial(cutter, way, numbers, watch):
    """One logout right after the feed is cut; times in seconds after A's 204."""
    token = accounts.token(next(numbers))
    asking = request("GET", "/", token)
    time.sleep(SETTLE)
    with Connection(A) as a:
        with Connection(B) as b:
            use(b, asking)
            getattr(cutter, way)()
            cut = time.monotonic()
            revoked = log_out(a, token)
            answers = watch_b(b, asking, revoked, watch)
    cutter.heal()
    healed = time.monotonic()
    back = wait_until_back(next(numbers)) - healed
    with Connection(B) as b:
        after_heal = b.ask(asking)
    accepted = [received for _, received, status in answers if status == 200]
    refused = [sent for sent, _, status in answers if status != 200]
    return {
        "cut": cut - revoked,
        "accepted": max(accepted, default=0.0),
        # Of requests that were sent after a refusal was here.
        "accepted_again": bool(refused) and bool(accepted) and max(accepted) > min(refused),
        "statuses": dict(collections.Counter(status for _, _, status in answers)),
        "slowest_answer": max(received - sent for sent, received, _ in answers),
        "back": back, "after_heal": after_heal,
    }


def watch_b(b, asking, revoked, seconds):
    """What B answers from now on: when each request was sent, when its answer was here, the status."""
    answers = []
    while (sent := time.monotonic() - revoked) < seconds:
        status = b.ask(asking)
        answers.append((sent, time.monotonic() - revoked, status))
        time.sleep(0.0005)  # a pause, since refusals in a row would fill a core
    return answers


def wait_until_back(number):
    """Waits until B serves a token that it has not seen before; returns that moment."""
    asking = request("GET", "/", accounts.token(number))
    end = time.monotonic() + LIMIT
    while time.monotonic() < end:
        with Connection(B) as b:
            if b.ask(asking) == 200:
                return time.monotonic()
        time.sleep(0.005)
    sys.exit(f"B does not serve good tokens {LIMIT} s after the cut was healed")


def show_whole(options, trials):
    """Prints what was measured with the feed whole."""
    wrong = sum(trial["accepted"] > 0 for trial in trials)
    print(f"\nfeed whole: {len(trials)} logouts, {options.load} requests a second on each gateway; "
          f"{wrong} times B let a request through that was sent after A's 204\n")
    rows = []
    for name, key in (("refused after", "refused"), ("accepted until", "accepted")):
        values = sorted(trial[key] * 1e3 for trial in trials)
        rows.append([name, *(f"{value:.2f}" for value in
                             (load.quantile(values, 0.5), load.quantile(values, 0.99), values[-1]))])
    report.table(["milliseconds after the logout", "p50", "p99", "worst"], rows)


def show_cuts(options, cuts):
    """Prints what was measured with the feed cut; returns whether every trial was as it must be."""
    print(f"\nfeed cut: {options.cuts} trials each, B asked for {options.watch:g} s; seconds after the logout\n")
    rows, is_good = [], True
    for way, trials in cuts.items():
        accepted = [trial["accepted"] for trial in trials]
        late = sum(value > options.goal for value in accepted)
        wrong = sum(trial["accepted_again"] or trial["after_heal"] == 200 or not set(trial["statuses"]) <= {200, 401, 503}
                    for trial in trials)
        statuses = sum((collections.Counter(trial["statuses"]) for trial in trials), collections.Counter())
        rows.append([way, f"{statistics.median(accepted):.3f}", f"{max(accepted):.3f}", late, wrong,
                     f"{max(trial['slowest_answer'] for trial in trials):.2f}",
                     f"{statistics.median(trial['back'] for trial in trials):.2f}",
                     ", ".join(f"{status}: {count}" for status, count in sorted(statuses.items()))])
        is_good = is_good and not late and not wrong
    report.table(["cut", "accepted until, median", "worst", f"beyond {options.goal:g} s", "accepted again",
                  "slowest answer", "back after", "answers"], rows)
    return is_good
