"""Shows how long it takes to move a million users with three million tokens in from a Django.

A file is made as `manage.py dumpdata auth.User knox.AuthToken` makes it: users by number, each with a
hash of PBKDF2, then tokens by digest, all live. `--knox 4.1` makes tokens with salts, of which the
store has more to keep. `authgate import django` takes it over into an empty store: on SQLite, then
on Redis, as often as `--rounds` says, with nothing pinned. Measured are the seconds from its start to
its end, its peak of resident memory, and the seconds from the start of a gateway on that store to
its first good answer to a request with a token. SQLite's file is forgotten by the system first, so
that it comes from disk. Redis keeps an append-only file, written every second, and shares the two
cores with what imports. Last, tokens that are chosen at random must all be let in.

`--copy` moves all of it on to the other kind of store while the gateway serves
(`authgate store copy --until-quiet=1s`), and lets those tokens in there, too.
"""

import hashlib
import multiprocessing
import os
import random
import statistics
import subprocess
import sys
import time

from harness import accounts, gateway, places, report
from harness.connection import Connection, request
from harness.processes import Stage

PORT = 17191
GOALS = {"sqlite": 60, "redis": 90}  # seconds
OTHER = {"sqlite": "redis", "redis": "sqlite"}
MEMORY_GOAL = 200  # MiB
START_GOAL = 2  # seconds
HASH = "pbkdf2_sha256$1000000$kAvfkB1U7T8c7BzY6upLO{0:07}$4+8voHI4i6r7XqDyVjOtX8AqINrcIyZa/B/8VmNlA9I="
JOINED, CREATED, EXPIRES = "2026-11-24T06:13:53.524Z", "2026-11-24T06:13:56.697Z", "2099-01-01T00:00:00.123Z"
USER = ('{{"model": "auth.user", "pk": {0}, "fields": {{"password": "' + HASH + '", "last_login": null, '
        '"is_superuser": false, "username": "user{0}", "first_name": "Ann", "last_name": "Other", '
        '"email": "user{0}@example.com", "is_staff": false, "is_active": true, "date_joined": "' + JOINED + '", '
        '"groups": [], "user_permissions": []}}}}')
TOKEN = ('{{"model": "knox.authtoken", "pk": "{0}", "fields": {{"token_key": "{1}", {2}"user": {3}, '
         '"created": "' + CREATED + '", "expiry": "' + EXPIRES + '"}}}}')
KEY_LENGTH = {"5": 15, "4.2": 8, "4.1": 8}


def add_options(parser):
    """The options of `benches/run import`."""
    parser.add_argument("--users", type=int, default=1_000_000)
    parser.add_argument("--tokens", type=int, default=3_000_000)
    parser.add_argument("--knox", choices=KEY_LENGTH, default="5", help="whose tokens they are")
    parser.add_argument("--store", choices=GOALS, help="on this one only")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--copy", action="store_true", help="move on to the other store, too")
    parser.add_argument("--asked", type=int, default=1000, help="tokens that must be let in afterwards")


def run(options):
    """Makes the dump, and takes it over again and again."""
    places.require(["nginx", "redis-server"])
    places.require_authgate(options.authgate)
    places.RUN.mkdir(parents=True, exist_ok=True)
    dump = places.RUN / "arrivals.json"
    report.progress(f"making a dump of {options.users} users and {options.tokens} tokens")
    # The system counts to a program's peak what the process had that started it: let that be little.
    writer = multiprocessing.Process(target=write_dump, args=(dump, options))
    writer.start()
    writer.join()
    if writer.exitcode:
        sys.exit("the dump could not be written")
    random.seed(7)
    measured = []
    stores = [options.store] if options.store else list(GOALS)
    for _ in range(options.rounds):
        for kind in stores:
            report.progress(f"importing {dump.stat().st_size >> 20} MiB on {kind}")
            measured.append({"store": kind, **arrive(kind, dump, options)})
    dump.unlink()
    report.save(options.out, options, measured)
    show(stores, measured)


def write_dump(dump, options):
    """The file, as dumpdata writes it without --indent."""
    tokens = token_rows(options)
    with open(dump, "w", encoding="ascii", buffering=1 << 20) as file:
        file.write("[")
        write_objects(file, (USER.format(n) for n in range(1, options.users + 1)))
        file.write(", ")
        write_objects(file, tokens)
        file.write("]")


def write_objects(file, objects):
    for at, one in enumerate(objects):
        file.write(f", {one}" if at else one)


def token_rows(options):
    """Tokens in the order of their digests, which is that of the table's key."""
    digests = sorted(digest_of(n, options.knox) + n.to_bytes(4, "big") for n in range(options.tokens))
    length = KEY_LENGTH[options.knox]
    for row in digests:
        number = int.from_bytes(row[64:], "big")
        salt = f'"salt": "{salt_of(number)}", ' if options.knox == "4.1" else ""
        yield TOKEN.format(row[:64].hex(), accounts.token(number)[:length], salt, number % options.users + 1)


def salt_of(number):
    return f"{number:016x}"


def digest_of(number, knox):
    """What each version of knox keeps of a token."""
    token = accounts.token(number)
    if knox == "5":
        return hashlib.sha512(token.encode()).digest()
    salt = bytes.fromhex(salt_of(number)) if knox == "4.1" else b""
    return hashlib.sha512(bytes.fromhex(token) + salt).digest()


def arrive(kind, dump, options):
    """One import into an empty store, and a start of a gateway on it."""
    asked = random.sample(range(options.tokens), min(options.asked, options.tokens))
    with Stage() as stage:
        gateway.start_app(stage, core=None)
        store = empty_store(kind, stage)
        settings = settings_on(store, PORT)
        seconds, memory = timed([options.authgate, "import", "django", dump, "--config", settings])
        if kind == "sqlite":
            forget(store)
        started = serve(stage, PORT, settings, options)
        ask(PORT, asked)
        copied = {}
        if options.copy:
            other = empty_store(OTHER[kind], stage)
            copy, most = timed([options.authgate, "store", "copy", other, "--until-quiet=1s", "--config", settings])
            serve(stage, PORT + 1, settings_on(other, PORT + 1), options)
            ask(PORT + 1, asked)
            copied = {"copy": copy, "copy MiB": most}
    return {"seconds": seconds, "MiB": memory, "start": started, **copied}


def settings_on(store, port):
    return gateway.write_settings(f"authgate-{port}", port, store, threads=0, more=gateway.limits())


def serve(stage, port, settings, options):
    """Starts a gateway: the seconds until it lets a token in."""
    begun = time.monotonic()
    stage.start(f"authgate-{port}", [options.authgate, "serve", "--config", settings])
    until_it_answers(port, begun)
    return time.monotonic() - begun


def empty_store(kind, stage):
    """The URL of a store without anything in it."""
    if kind == "sqlite":
        file = places.RUN / "arrivals.db"
        for leftover in places.RUN.glob("arrivals.db*"):
            leftover.unlink()
        return f"sqlite:{file}"
    # A server of its own, in a folder that it finds empty.
    for leftover in places.RUN.glob("arrivals-aof*/*"):
        leftover.unlink()
    stage.start("redis", ["redis-server", "--port", places.REDIS_PORT, "--bind", "127.0.0.1", "--save", "",
                          "--appendonly", "yes", "--appenddirname", "arrivals-aof"], port=places.REDIS_PORT)
    return f"redis://127.0.0.1:{places.REDIS_PORT}/0"


def timed(command):
    """Runs a program to its end: the seconds, and its peak of resident memory in MiB."""
    log = places.RUN / "arrivals.log"
    with open(log, "wb") as said:
        begun = time.monotonic()
        process = subprocess.Popen(list(map(str, command)), stdin=subprocess.DEVNULL, stdout=said, stderr=said)
        _, status, used = os.wait4(process.pid, 0)
        seconds = time.monotonic() - begun
    if status:
        sys.exit(f"the import ended with {os.waitstatus_to_exitcode(status)}:\n{log.read_text()[-2000:]}")
    return seconds, used.ru_maxrss / 1024


def forget(store):
    """Lets the system forget what it has of a file in memory."""
    file = os.open(store.removeprefix("sqlite:"), os.O_RDONLY)
    os.fsync(file)
    os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(file)


def until_it_answers(port, begun):
    """Asks until a token is let in."""
    while time.monotonic() - begun < 60:
        try:
            with Connection(port) as connection:
                if connection.ask(request("GET", "/", accounts.token(0))) == 200:
                    return
        except OSError:
            pass
        time.sleep(0.005)
    sys.exit("the gateway lets no token in within a minute")


def ask(port, numbers):
    """Every one of these tokens must be let in."""
    with Connection(port) as connection:
        refused = [number for number in numbers if connection.ask(request("GET", "/", accounts.token(number))) != 200]
    if refused:
        sys.exit(f"{len(refused)} of {len(numbers)} imported tokens are refused")


def show(stores, measured):
    """Prints the medians, and whether the goals are met."""
    rows, missed = [], []
    for kind in stores:
        ours = [one for one in measured if one["store"] == kind]
        goals = {"seconds": GOALS[kind], "MiB": MEMORY_GOAL, "start": START_GOAL}
        missed += [f"{kind}: {what}" for what, goal in goals.items()
                   if statistics.median(one[what] for one in ours) >= goal]
        columns = {"seconds": 1, "MiB": 0, "start": 2, "copy": 1, "copy MiB": 0}
        columns = {what: digits for what, digits in columns.items() if what in ours[0]}
        rows.append((kind, *(report.spread([one[what] for one in ours], digits) for what, digits in columns.items())))
    heads = ["store", "import s", "peak MiB", "first good answer s", "copied on s", "peak MiB"]
    report.table(heads[:len(rows[0])], rows)
    print(f"\ngoals: {GOALS['sqlite']} s on SQLite, {GOALS['redis']} s on Redis, {MEMORY_GOAL} MiB, {START_GOAL} s")
    if missed:
        print(f"missed: {', '.join(missed)}")
        sys.exit(1)
