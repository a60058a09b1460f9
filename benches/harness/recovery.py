"""Measures how soon all is well again when the store comes back after it was away.

A gateway on Redis is asked at a steady rate with many tokens, some of which were logged out before. Redis is
killed, and started again on its data after `--away` seconds. From the moment when Redis answers a PING:

  first   until the first request with a good token is sent that is answered with 200
  all     until the last request with a good token is sent that is answered otherwise

No answer may be wrong at any time: a good token is never 401, one that was logged out never 200. Exit code 1
if one was, or if `all` takes longer than the goal.
"""

import shutil
import sys
import time

from harness import accounts, gateway, places, report
from harness.askers import Askers
from harness.connection import Connection, request
from harness.processes import Stage

PORT = 17190
USERS = 1_000
ENDED = 50  # the first of them


def add_options(parser):
    """The options of `benches/run recovery`."""
    parser.add_argument("--away", type=float, default=60, metavar="SECONDS", help="how long Redis is away")
    parser.add_argument("--rate", type=int, default=1_000, help="requests a second")
    parser.add_argument("--clients", type=int, default=150, help="so many that the rate is kept while answers take their time")
    parser.add_argument("--goal", type=float, default=2, metavar="SECONDS", help="until all is well")


def run(options):
    """Takes Redis away and gives it back, and reports."""
    places.require(["nginx", "redis-server"])
    places.require_authgate(options.authgate)
    with Stage() as stage:
        gateway.start_app(stage, core=None)
        folder = places.RUN / "recovery"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        redis = start_redis(stage, folder)
        store = accounts.fill_redis(USERS)
        gateway.start_authgate(stage, options.authgate, "authgate", PORT, store, core=None, threads=0,
                               cache_size=options.cache_size)
        log_out_first()
        tokens = [(number, accounts.token(number)) for number in range(1, USERS + 1)]
        with Askers([PORT], tokens, options.rate, options.clients) as askers:
            time.sleep(3)
            gone = time.monotonic()
            redis.kill()
            report.progress(f"Redis is away for {options.away:g} s")
            time.sleep(options.away)
            start_redis(stage, folder)
            back = time.monotonic()
            time.sleep(max(5.0, 2 * options.goal))
    tell(options, askers.samples, gone, back)


def start_redis(stage, folder):
    """A Redis that keeps what it has answered."""
    command = ["redis-server", "--port", places.REDIS_PORT, "--bind", "127.0.0.1", "--save", "", "--appendonly", "yes",
               "--appendfsync", "always", "--dir", folder, "--loglevel", "warning"]
    return stage.start("redis", command, None, places.REDIS_PORT)


def log_out_first():
    """Ends the tokens of the first users."""
    with Connection(PORT) as connection:
        for number in range(1, ENDED + 1):
            status = connection.ask(request("POST", "/api/logout/", accounts.token(number)))
            if status != 204:
                sys.exit(f"a logout was answered with {status}")


def tell(options, samples, gone, back):
    """Judges what was seen, and prints it."""
    good = [sample for sample in samples if sample[2] > ENDED]
    wrong = [sample for sample in good if sample[3] not in (0, 200, 503)]
    wrong += [sample for sample in samples if sample[2] <= ENDED and sample[3] not in (0, 401, 429, 503)]
    after = [(sent - back, status) for sent, _, _, status in good if sent >= back]
    first = min((sent for sent, status in after if status == 200), default=None)
    last_bad = max((sent for sent, status in after if status != 200), default=0.0)
    away = [status for sent, _, _, status in good if gone + 2 <= sent < back]
    slowest = max((answered - sent for sent, answered, _, _ in samples if gone <= sent < back), default=0.0)
    measured = {"requests": len(samples), "wrong": len(wrong), "first": first, "all": last_bad, "slowest": slowest}
    report.save(options.out, options, measured)
    if first is None:
        sys.exit("no good answer came after Redis was back")
    print(f"Redis away for {options.away:g} s at {options.rate} requests a second: {len(samples)} requests, "
          f"{len(wrong)} wrong; {sum(status == 503 for status in away)} of {len(away)} were 503 meanwhile, the slowest "
          f"after {slowest:.2f} s; back: first good answer after {first:.3f} s, all good after {last_bad:.3f} s "
          f"(goal {options.goal:g} s)")
    for sample in wrong[:10]:
        print("wrong:", sample)
    if wrong or last_bad > options.goal:
        sys.exit(1)
