"""Attacks one account from ten thousand addresses, and counts the guesses that get through.

A balancer's PROXY protocol (from trusted loopback) says that each connection comes from another
client: half of them from addresses of IPv4, half from networks of IPv6. As many guesses as the
gateway takes are made at once, at one account under several spellings. A guess gets through if it is
answered as a wrong password: then it was compared with the right one. All others are refused (429).

Meanwhile the owner signs in every --every seconds from a network from which they signed in once before
the attack; each must succeed within 2 s. The limits are as they are shipped. With --redis two
gateways share a Redis, and attackers and owner go to both in turn.

The same attack for --control seconds on a gateway without limits says what the limits are worth: if
it does not get more through than the goal, the attack was none. Exit code 1 then, if the goal is
missed or if the owner is.
"""

import json
import sys
import time

from harness import accounts, gateway, places, proxy_protocol, report
from harness.connection import Connection, request
from harness.guessers import Guessers
from harness.processes import Stage

PORTS = [17171, 17172]  # where nobody calls
PROXIED = [17173, 17174]  # where the balancer does
CONTROL_PORT, CONTROL_PROXIED = 17175, 17176
USERS = 100
OWNER = 1
OWNER_AT = 1_000_000  # an address that no attacker has
OWNER_WITHIN = 2  # seconds


def add_options(parser):
    """The options of `benches/run guessing`."""
    parser.add_argument("--seconds", type=float, default=3600)
    parser.add_argument("--addresses", type=int, default=10_000)
    parser.add_argument("--at-once", type=int, default=64, help="guesses")
    parser.add_argument("--rest", type=float, default=0, help="seconds of each attacker between its connections")
    parser.add_argument("--every", type=float, default=10, help="seconds that the owner signs in")
    parser.add_argument("--control", type=float, default=10, help="seconds of an attack without limits")
    parser.add_argument("--goal", type=int, default=200, help="that the guesses that get through are below")
    parser.add_argument("--redis", action="store_true", help="two gateways on one Redis")


def run(options):
    """Attacks, and reports."""
    places.require(["nginx", "taskset", *(["redis-server"] if options.redis else [])])
    places.require_authgate(options.authgate)
    with Stage() as stage:
        gateway.start_app(stage, core=None)
        control = attack_without_limits(stage, options)
        ports = start(stage, options)
        signed_in = [sign_in(ports[0])]
        with Guessers(ports, accounts.username(OWNER), options.addresses, options.at_once,
                      options.rest) as guessers:
            signed_in += keep_signing_in(options, ports)
    measured = {"control": control, "owner": signed_in, **guessers.seen}
    report.save(options.out, options, measured)
    show(options, measured)
    if complaints := list(complaints_about(options, measured)):
        sys.exit("\n".join(complaints))


def attack_without_limits(stage, options):
    """How many guesses a second get through where nothing stops them."""
    store = accounts.fill_sqlite(options.authgate, "guessing-control.db", USERS)
    start_one(stage, options, "control", CONTROL_PORT, CONTROL_PROXIED, store, "[limits]\nenabled = false\n")
    with Guessers([CONTROL_PROXIED], accounts.username(OWNER), options.addresses, options.at_once) as guessers:
        time.sleep(options.control)
    return guessers.seen.get("counts", {}).get("through", 0) / options.control


def start(stage, options):
    """One gateway as it is shipped, or two on a Redis; returns the ports for the balancer."""
    if options.redis:
        accounts.start_redis(stage, core=None)
        store, count = accounts.fill_redis(USERS), 2
    else:
        store, count = accounts.fill_sqlite(options.authgate, "guessing.db", USERS), 1
    for at in range(count):
        limits = f"[limits]\ngateways = {count}\n"
        start_one(stage, options, f"authgate-{at}", PORTS[at], PROXIED[at], store, limits)
    return PROXIED[:count]


def start_one(stage, options, name, port, proxied, store, limits):
    listener = f'[[listeners]]\naddress = "127.0.0.1:{proxied}"\nproxy_protocol = ["127.0.0.0/8"]\n'
    gateway.start_authgate(stage, options.authgate, name, port, store, core=None, threads=0,
                           cache_size=options.cache_size, more=limits + listener)


def keep_signing_in(options, ports):
    """What became of the owner's sign-ins until the end."""
    signed_in, started = [], time.monotonic()
    until, due = started + options.seconds, started + options.every
    while due <= until:
        time.sleep(max(0.0, due - time.monotonic()))
        signed_in.append(sign_in(ports[len(signed_in) % len(ports)]))
        report.progress(f"{time.monotonic() - started:.0f} s of {options.seconds:g}: the owner gets {signed_in[-1][0]} "
                        f"after {signed_in[-1][1] * 1e3:.0f} ms")
        due += options.every
    time.sleep(max(0.0, until - time.monotonic()))
    return signed_in


def sign_in(port):
    """The status that the owner gets, and after how many seconds, connecting included."""
    header = proxy_protocol.header(proxy_protocol.client(OWNER_AT), 2)
    body = json.dumps({"username": accounts.username(OWNER), "password": accounts.PASSWORD})
    started = time.monotonic()
    try:
        with Connection(port, preamble=header) as connection:
            status = connection.ask(request("POST", "/api/login/", body=body))
    except OSError as error:
        status = f"{type(error).__name__}: {error}"
    return status, time.monotonic() - started


def complaints_about(options, measured):
    """What is not as it should be, in lines."""
    counts = measured.get("counts")
    if not counts:
        yield "the attackers themselves ended"
        return
    through = counts.get("through", 0)
    if through >= options.goal:
        yield f"{through} guesses got through; the goal is below {options.goal}"
    if measured["control"] * 3600 <= options.goal:
        yield f"without limits {measured['control']:.2f} guesses a second got through: the attack was none"
    if wrong := {what: count for what, count in counts.items() if what not in ("through", "429")}:
        yield f"guesses were answered by neither 400 nor 429: {wrong}"
    if missing := options.addresses - measured["addresses"]:
        yield f"{missing} addresses were never used: attack for longer"
    for status, took in measured["owner"]:
        if status != 200 or took > OWNER_WITHIN:
            yield f"the owner got {status} after {took:.2f} s"


def show(options, measured):
    """Prints what was measured."""
    counts, owner = measured.get("counts", {}), measured["owner"]
    good = [took for status, took in owner if status == 200]
    through = measured.get("through", [])
    print(f"{options.seconds:g} s, {measured.get('addresses', 0)} of {options.addresses} addresses, {options.at_once} guesses "
          f"at once, {'two gateways on Redis' if options.redis else 'one gateway on SQLite'}\n")
    report.table(["guesses", "through", "goal", "refused by 429", "other", "last one through at s", "without limits a second"],
                 [[sum(counts.values()), counts.get("through", 0), f"< {options.goal}", counts.get("429", 0),
                   sum(counts.values()) - counts.get("through", 0) - counts.get("429", 0),
                   f"{through[-1]:.0f}" if through else "-", f"{measured['control']:.1f}"]])
    print()
    report.table(["the owner's sign-ins", "good", "worst s", "goal s"],
                 [[len(owner), len(good), f"{max(took for _, took in owner):.3f}", OWNER_WITHIN]])
