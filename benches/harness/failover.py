"""Measures how soon a good answer comes after another Redis has become the primary.

`sentinel` is a primary, two replicas and three sentinels, `cluster` three primaries with a replica each, all on this
machine. A gateway is asked at a steady rate; the primary (of a cluster: one of the three) is killed. The promotion is
when its replica says that it is a primary, looked at every 5 ms. From there:

  first   until the first request is sent that is answered with 200, of those that were not before
  all     until the last request is sent that is answered otherwise

How long the promotion takes is Redis's own matter, and told beside. Afterwards the killed one comes back, and follows.
Exit code 1 if a good token was ever 401, or if the median of `all` is above the goal.
"""

import shutil
import statistics
import subprocess
import sys
import time

from harness import accounts, gateway, places, report
from harness.askers import Askers
from harness.connection import Connection, request
from harness.processes import Stage

PORT = 17196
FIRST_REDIS, FIRST_SENTINEL = 17300, 17320
NAME = "main"


def add_options(parser):
    """The options of `benches/run failover`."""
    parser.add_argument("--kind", choices=["sentinel", "cluster"], default="sentinel")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--rate", type=int, default=400, help="requests a second")
    parser.add_argument("--clients", type=int, default=20)
    parser.add_argument("--goal", type=float, default=2, metavar="SECONDS", help="until all is well")


def run(options):
    """Kills primaries and reports."""
    places.require(["nginx", "redis-server", "redis-cli"])
    places.require_authgate(options.authgate)
    with Stage() as stage:
        gateway.start_app(stage, core=None)
        servers = Cluster(stage) if options.kind == "cluster" else Sentinels(stage)
        gateway.start_authgate(stage, options.authgate, "authgate", PORT, servers.url, core=None, threads=0,
                               cache_size=options.cache_size,
                               more='[passwords]\nargon2 = { memory = "64KiB", iterations = 1, parallelism = 1 }\n'
                                    "[limits]\nenabled = false\n")
        tokens = list(enumerate(register(100)))
        time.sleep(2)
        rounds = [one_round(options, servers, tokens, number) for number in range(options.rounds)]
    tell(options, rounds)


def register(count):
    """Tokens of new users."""
    with Connection(PORT) as connection:
        for number in range(count):
            body = f'{{"username": "user{number}", "password": "{accounts.PASSWORD}"}}'
            status = connection.ask(request("POST", "/api/register/", body=body))
            if status != 200:
                sys.exit(f"a registration was answered with {status}")
            yield connection.body.split('"token":"')[1].split('"')[0]


def one_round(options, servers, tokens, number):
    """Kills a primary; what was seen, in seconds."""
    with Askers([PORT], tokens, options.rate, options.clients) as askers:
        time.sleep(1.5)
        killed = time.monotonic()
        promoted = servers.fail_over()
        time.sleep(max(4.0, 2 * options.goal))
        servers.heal()
    samples = askers.samples
    wrong = sum(status not in (0, 200, 503) for *_, status in samples)
    bad = [sent for sent, _, _, status in samples if sent >= killed and status != 200]
    good = [sent for sent, _, _, status in samples if sent >= promoted and status == 200]
    seen = {"promotion": promoted - killed, "wrong": wrong, "bad": len(bad),
            "first": max(0.0, min(good, default=promoted + 99) - promoted),
            "all": max(0.0, max(bad, default=promoted) - promoted)}
    report.progress(f"round {number + 1}: promoted after {seen['promotion']:.2f} s, all good {seen['all']:.2f} s later")
    return seen


class Servers:
    """Redis servers, which can be killed and started again."""

    def __init__(self, stage, count, *arguments):
        self.stage, self.arguments, self.programs = stage, arguments, {}
        for port in range(FIRST_REDIS, FIRST_REDIS + count):
            shutil.rmtree(places.RUN / f"redis-{port}", ignore_errors=True)
            (places.RUN / f"redis-{port}").mkdir()
            self.start(port)

    def start(self, port):
        command = ["redis-server", "--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "yes",
                   "--appendfsync", "everysec", "--repl-diskless-sync-delay", "0",
                   "--dir", places.RUN / f"redis-{port}", *self.arguments]
        self.programs[port] = self.stage.start(f"redis-{port}", command, None, port)

    def is_primary(self, port):
        return "role:master" in ask(port, "INFO", "replication")

    def wait_for_promotion(self, ports):
        """When one of these becomes the primary."""
        end = time.monotonic() + 30
        while time.monotonic() < end:
            if any(self.is_primary(port) for port in ports):
                return time.monotonic()
            time.sleep(0.005)
        sys.exit("nobody became the primary")

    def wait_for(self, what, is_so):
        end = time.monotonic() + 60
        while not is_so():
            if time.monotonic() > end:
                sys.exit(f"waited in vain: {what}")
            time.sleep(0.1)


class Sentinels(Servers):
    """A primary, two replicas, three sentinels."""

    url = f"redis+sentinel://{','.join(f'127.0.0.1:{FIRST_SENTINEL + at}' for at in range(3))}/{NAME}"

    def __init__(self, stage):
        super().__init__(stage, 3)
        for port in list(self.programs)[1:]:
            ask(port, "REPLICAOF", "127.0.0.1", FIRST_REDIS)
        for port in range(FIRST_SENTINEL, FIRST_SENTINEL + 3):
            file = places.RUN / f"sentinel-{port}.conf"
            file.write_text(f"port {port}\nbind 127.0.0.1\nsentinel monitor {NAME} 127.0.0.1 {FIRST_REDIS} 2\n"
                            f"sentinel down-after-milliseconds {NAME} 1000\nsentinel failover-timeout {NAME} 5000\n")
            stage.start(f"sentinel-{port}", ["redis-server", file, "--sentinel"], None, port)
        self.killed = None
        self.wait_until_whole()

    def primary(self):
        return int(ask(FIRST_SENTINEL, "SENTINEL", "GET-MASTER-ADDR-BY-NAME", NAME).split()[1])

    def wait_until_whole(self):
        self.wait_for("sentinels that know all", lambda: all(
            ask(FIRST_SENTINEL + at, "SENTINEL", "CKQUORUM", NAME).startswith("OK 3") for at in range(3)))
        self.wait_for("replicas", lambda: ask(self.primary(), "INFO", "replication").count("state=online") == 2)
        self.wait_for("replicas that sentinels know", lambda: ask(
            FIRST_SENTINEL, "SENTINEL", "REPLICAS", NAME).count("master-link-status\nok") == 2)

    def fail_over(self):
        self.killed = self.primary()
        self.programs[self.killed].kill()
        return self.wait_for_promotion([port for port in self.programs if port != self.killed])

    def heal(self):
        self.start(self.killed)
        self.wait_until_whole()


class Cluster(Servers):
    """Three primaries with a replica each."""

    url = f"redis+cluster://{','.join(f'127.0.0.1:{FIRST_REDIS + at}' for at in range(6))}"

    def __init__(self, stage):
        super().__init__(stage, 6, "--cluster-enabled", "yes", "--cluster-node-timeout", "2000")
        places_ = [f"127.0.0.1:{port}" for port in self.programs]
        made = subprocess.run(["redis-cli", "--cluster", "create", *places_, "--cluster-replicas", "1", "--cluster-yes"],
                              capture_output=True, text=True, check=False)
        if made.returncode:
            sys.exit(made.stdout + made.stderr)
        self.killed = None
        self.wait_until_whole()

    def wait_until_whole(self):
        self.wait_for("a cluster that serves", lambda: all(
            "cluster_state:ok" in ask(port, "CLUSTER", "INFO") for port in self.programs))
        self.wait_for("replicas", lambda: all(
            self.is_primary(port) or "master_link_status:up" in ask(port, "INFO", "replication") for port in self.programs))

    def fail_over(self):
        self.killed = next(port for port in self.programs if self.is_primary(port))
        replicas = [port for port in self.programs if f"master_port:{self.killed}\n" in ask(port, "INFO", "replication")]
        self.programs[self.killed].kill()
        return self.wait_for_promotion(replicas)

    def heal(self):
        self.start(self.killed)
        self.wait_until_whole()


def ask(port, *words):
    """What a server answers; nothing if it does not."""
    command = ["redis-cli", "-p", port, *words]
    answered = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
    return answered.stdout.replace("\r", "")


def tell(options, rounds):
    """Prints, and ends with 1 if a goal is missed."""
    report.save(options.out, options, rounds)
    names = ["promotion", "first", "all"]
    figures = ", ".join(f"{name} {report.spread([seen[name] for seen in rounds])} s" for name in names)
    wrong = sum(seen["wrong"] for seen in rounds)
    print(f"{len(rounds)} failovers by {options.kind}: {figures} (median, least to greatest); {wrong} wrong answers")
    if wrong or statistics.median(seen["all"] for seen in rounds) > options.goal:
        sys.exit(1)
