"""Redis servers of a benchmark's own, alone or as a Cluster, and a fast way to write a lot to them."""

import binascii
import itertools
import multiprocessing
import shutil
import socket
import sys
import time

from harness import accounts, places

FIRST_PORT = 17180  # a server each from here on; their bus is 10,000 ports up
SLOTS = 16384
BATCH = 500
NODE_TIMEOUT = 1000  # milliseconds until a Cluster takes a server for lost
# Users and what is noted of tokens in the compact form: docs/scaling.md. By the name that Redis 6.2 knows, too.
COMPACT = ["--hash-max-ziplist-value", "256"]


class Shards:
    """One server, or the masters of a Cluster and a replica of each."""

    def __init__(self, stage, options):
        masters = options.masters
        count = masters * (2 if options.replicas else 1)
        self.ports = [FIRST_PORT + number for number in range(count)]
        self.masters = self.ports[:masters]
        self.is_cluster = masters > 1
        self.programs = [self.start(stage, port, options) for port in self.ports]
        if self.is_cluster:
            self.join()

    def start(self, stage, port, options):
        folder = places.RUN / f"redis-{port}"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        cluster = ["--cluster-enabled", "yes", "--cluster-node-timeout", NODE_TIMEOUT,
                   "--cluster-require-full-coverage", "no"]
        return stage.start(f"redis-{port}", [
            options.redis, "--port", port, "--bind", "127.0.0.1", "--dir", folder, "--save", "", "--appendonly", "no",
            "--loglevel", "warning", "--repl-diskless-sync-delay", 0,
            *([] if options.plain else COMPACT), *(cluster if self.is_cluster else [])], None, port)

    def join(self):
        """Makes a Cluster of the servers."""
        share = -(-SLOTS // len(self.masters))
        for number, port in enumerate(self.masters):
            last = min((number + 1) * share, SLOTS) - 1
            ask(port, "CLUSTER", "ADDSLOTSRANGE", number * share, last)
        for port in self.ports[1:]:
            ask(self.ports[0], "CLUSTER", "MEET", "127.0.0.1", port)
        for port in self.ports:
            wait_for(lambda port=port: f"cluster_known_nodes:{len(self.ports)}" in ask(port, "CLUSTER", "INFO"))
        for number, port in enumerate(self.ports[len(self.masters):]):
            ask(port, "CLUSTER", "REPLICATE", ask(self.masters[number], "CLUSTER", "MYID"))
        for port in self.ports:
            wait_for(lambda port=port: "cluster_state:ok" in ask(port, "CLUSTER", "INFO"))

    def url(self):
        """Its address in authgate's settings."""
        if not self.is_cluster:
            return f"redis://127.0.0.1:{self.ports[0]}"
        return "redis+cluster://" + ",".join(f"127.0.0.1:{port}" for port in self.ports)

    def used(self):
        """Bytes of memory that the masters use for what they hold."""
        return sum(int(field(port, "memory", "used_memory")) for port in self.masters)

    def version(self):
        """What they are, and whose allocator they use."""
        info = ask(self.ports[0], "INFO", "server"), ask(self.ports[0], "INFO", "memory")
        fields = dict(line.split(":", 1) for part in info for line in part.splitlines() if ":" in line)
        return f"Redis {fields['redis_version']}, {fields['mem_allocator']}"

    def settle(self):
        """Waits until the tables have grown: each is there twice meanwhile."""
        before, now = 0, self.used()
        while abs(now - before) > now / 10_000:
            time.sleep(5)
            before, now = now, self.used()

    def owner(self, key):
        """The port of the master that was given the key."""
        share = -(-SLOTS // len(self.masters))
        return self.masters[slot(key) // share]

    def fill(self, made_of, count, workers=2):
        """Writes the commands that are made of each number from 1 to `count`."""
        share = -(-count // workers)
        parts = [range(first, min(first + share, count + 1)) for first in range(1, count + 1, share)]
        # Forked, so that what makes the commands need not be sent.
        workers = [multiprocessing.get_context("fork").Process(target=self.write, args=(made_of, part)) for part in parts]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
            if worker.exitcode:
                sys.exit("a worker could not write to Redis")

    def write(self, made_of, numbers):
        """Writes the commands that are made of some numbers."""
        connections = {port: Pipe(port) for port in self.masters}
        commands = (command for number in numbers for command in made_of(number))
        while batch := list(itertools.islice(commands, BATCH)):
            for command in batch:
                connections[self.owner(command[1])].put(command)
            for connection in connections.values():
                connection.flush()


class Pipe:
    """A connection that takes many commands at once."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.answers = self.socket.makefile("rb")
        self.waiting = []

    def put(self, command):
        self.waiting.append(accounts.redis_command(command))

    def flush(self):
        self.socket.sendall(b"".join(self.waiting))
        for _ in self.waiting:
            answer = self.answers.readline()
            if not answer.startswith((b"+", b":")):
                sys.exit(f"Redis refused: {answer!r}")
        self.waiting = []


def slot(key):
    """The slot of a key, as the Redis Cluster specification has it."""
    key = key.encode()
    begin = key.find(b"{")
    end = key.find(b"}", begin + 1)
    return binascii.crc_hqx(key[begin + 1:end] if 0 <= begin < end - 1 else key, 0) % SLOTS


def ask(port, *words):
    """The answer to one command, as text."""
    with socket.create_connection(("127.0.0.1", port), 30) as connection:
        connection.sendall(accounts.redis_command(words))
        answers = connection.makefile("rb")
        first = answers.readline().rstrip()
        if first.startswith(b"-"):
            sys.exit(f"Redis at {port} refused {words[:2]}: {first.decode()}")
        return answers.read(int(first[1:])).decode() if first.startswith(b"$") else first[1:].decode()


def field(port, section, name):
    """A field of INFO."""
    lines = ask(port, "INFO", section).splitlines()
    return next(line.split(":")[1] for line in lines if line.startswith(f"{name}:"))


def wait_for(condition, seconds=600):
    """Waits until it holds."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            sys.exit("Redis does not come to what it should")
        time.sleep(0.05)
