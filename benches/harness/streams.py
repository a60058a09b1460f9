"""Shows what memory authgate takes while much goes up and down, and while one end is slow.

curl downloads and uploads a body of --size, one after the other and both at once, over HTTP/1.1 and
over HTTP/2 (h2c); each is counted at the other end. Then many clients download slowly while the app
sends as fast as it can, and the app reads slowly what as many clients send: what waits between the
two ends must be held back, not kept. "ahead" is by how much the fast end was ahead of the slow one,
for each client: most of it is in the system's buffers on both sides of the gateway.

Growth is that of the peak of resident memory (VmHWM) over what was resident before the first stream
(VmRSS, after one small request). For slow streams the peak is also given for each client, over what
was resident before them. Exit code 1 if whole streams make it grow by more than --goal, or if bytes
are missing.
"""

import subprocess
import sys
import time

from harness import accounts, gateway, load, places, report
from harness.processes import Stage
from harness.stream_app import StreamApp

PORTS = {"HTTP/1.1": 17190, "HTTP/2": 17192}
APP_PORT = 17193
PROTOCOLS = {"HTTP/1.1": "--http1.1", "HTTP/2": "--http2-prior-knowledge"}
UNITS = {"KiB": 2**10, "MiB": 2**20, "GiB": 2**30}


def add_options(parser):
    """The options of `benches/run streams`."""
    parser.add_argument("--size", type=size, default="10GiB", help="of each stream; 256MiB for a short look")
    parser.add_argument("--goal", type=size, default="32MiB", help="that resident memory may grow by")
    parser.add_argument("--slow-clients", type=int, default=16)
    parser.add_argument("--slow-secs", type=int, default=15, help="for how long they are watched")
    parser.add_argument("--pace", type=size, default="256KiB", help="that the slow end takes a second, for each client")


def size(text):
    """A number of bytes, such as 10GiB."""
    for unit, factor in UNITS.items():
        if text.endswith(unit):
            return int(text.removesuffix(unit)) * factor
    return int(text)


def run(options):
    """Sends all streams, and reports."""
    places.require(["taskset", "curl"])
    places.require_authgate(options.authgate)
    with Stage() as stage, StreamApp(APP_PORT) as app:
        body = places.RUN / "body"
        with open(body, "wb") as file:
            file.truncate(options.size)  # takes no room on the disk
        store = accounts.fill_sqlite(options.authgate, "streams.db", 10)
        listener = f'[[listeners]]\naddress = "127.0.0.1:{PORTS["HTTP/2"]}"\nh2c = true\n'
        program = gateway.start_authgate(stage, options.authgate, "authgate", PORTS["HTTP/1.1"], store,
                                         cache_size=options.cache_size, app_port=APP_PORT, more=listener)
        for port in PORTS.values():
            load.get(port, "/1", load.bearing(accounts.token(1)))
        streams = Streams(options, program, app, body)
        rows = [row for protocol in PROTOCOLS for row in streams.all_of(protocol)]
    report.save(options.out, options, rows)
    show(options, streams.start, rows)
    whole = [row for row in rows if row["ahead"] is None]
    if any(row["grown"] > options.goal or row["missing"] for row in whole):
        sys.exit(1)


class Streams:
    """The streams through one gateway, and what they cost it."""

    def __init__(self, options, program, app, body):
        self.options, self.program, self.app, self.body = options, program, app, body
        self.start = program.resident_bytes()

    def all_of(self, protocol):
        """All that is measured over a protocol."""
        whole = self.options.size
        yield self.measure(f"{protocol} down", lambda: self.whole([self.download(protocol)], [whole]))
        yield self.measure(f"{protocol} up", lambda: self.whole([self.upload(protocol)], [whole]))
        yield self.measure(f"{protocol} both at once", lambda: self.whole(
            [self.download(protocol), self.upload(protocol)], [whole, whole]))
        yield self.measure(f"{protocol} slow clients", lambda: self.slow_clients(protocol))
        yield self.measure(f"{protocol} slow app", lambda: self.slow_app(protocol))

    def measure(self, name, send):
        """What a kind of stream costs. `send` returns the bytes that came, that are missing, and that were ahead."""
        report.progress(name)
        self.program.forget_peak()
        before, cpu, started = self.program.resident_bytes(), self.program.cpu_seconds(), time.monotonic()
        came, missing, ahead = send()
        took = time.monotonic() - started
        peak = self.program.resident_bytes("VmHWM")
        return {"name": name, "bytes": came, "missing": missing, "ahead": ahead, "seconds": took,
                "cpu": self.program.cpu_seconds() - cpu, "before": before, "peak": peak,
                "after": self.program.resident_bytes(), "grown": peak - self.start}

    def whole(self, clients, sizes):
        """Streams to their ends."""
        came = [client.result() for client in clients]
        return sum(came), sum(sizes) - sum(came), None

    def slow_clients(self, protocol):
        """Clients that take their time, for a while."""
        options = self.options
        before = self.app.sent()
        limits = ["--limit-rate", str(options.pace), "--max-time", str(options.slow_secs)]
        clients = [self.download(protocol, *limits) for _ in range(options.slow_clients)]
        came = sum(client.result() for client in clients)
        return came, 0, (self.app.sent() - before - came) / options.slow_clients

    def slow_app(self, protocol):
        """An app that takes its time, for a while."""
        options = self.options
        before = self.app.taken()
        clients = [self.upload(protocol, "--max-time", str(options.slow_secs), pace=options.pace)
                   for _ in range(options.slow_clients)]
        sent = sum(client.result() for client in clients)
        came = self.app.taken() - before
        return came, 0, (sent - came) / options.slow_clients

    def download(self, protocol, *more):
        return Curl(protocol, f"/{self.options.size}", "size_download", "-o", "/dev/null", *more)

    def upload(self, protocol, *more, pace=0):
        # Without Expect, for the app would have to answer 100 first.
        return Curl(protocol, f"/{pace}", "size_upload", "-T", self.body, "-H", "Expect:", "-o", "/dev/null", *more)


class Curl:
    """A client with one stream."""

    def __init__(self, protocol, path, counted, *options):
        token = load.bearing(accounts.token(1))["Authorization"]
        command = ["taskset", "-c", places.LOAD_CORE, "curl", "--silent", PROTOCOLS[protocol], "-H",
                   f"Authorization: {token}", "-w", f"%{{http_code}} %{{{counted}}}",
                   *options, f"http://127.0.0.1:{PORTS[protocol]}{path}"]
        self.is_watched = "--max-time" in options
        self.process = subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE, text=True)

    def result(self):
        """Waits for its end; returns the bytes that it has sent or received."""
        said, _ = self.process.communicate()
        status, moved = said.split()
        # 28: its time was over, 000: before there was a status.
        is_cut = self.is_watched and self.process.returncode == 28 and status in ("000", "200")
        if not is_cut and (self.process.returncode or status != "200"):
            sys.exit(f"curl ended with {self.process.returncode}, status {status}, {moved} bytes")
        return int(moved)


def show(options, start, rows):
    """Prints the table."""
    print(f"streams of {options.size / 2**20:.0f} MiB; {options.slow_clients} slow clients, "
          f"{options.pace / 2**10:.0f} KiB a second each, for {options.slow_secs} s; resident at the start "
          f"{start / 2**20:.1f} MiB; the goal for its growth is {options.goal / 2**20:.0f} MiB\n")

    def mib(value, digits=1):
        return "-" if value is None else f"{value / 2**20:.{digits}f}"

    def a_client(row):
        return "-" if row["ahead"] is None else f"{(row['peak'] - row['before']) / 2**10 / options.slow_clients:.0f}"

    report.table(["stream", "MiB", "missing", "seconds", "MiB/s", "CPU s/GiB", "before", "peak", "after", "growth MiB",
                  "KiB a client", "ahead MiB"],
                 [[row["name"], mib(row["bytes"], 0), row["missing"], f"{row['seconds']:.1f}",
                   mib(row["bytes"] / row["seconds"], 0), f"{row['cpu'] / (row['bytes'] / 2**30):.2f}",
                   mib(row["before"]), mib(row["peak"]), mib(row["after"]), mib(row["grown"]), a_client(row), mib(row["ahead"])]
                  for row in rows])
