"""Makes load: wrk as fast as it goes, h2load at a fixed rate, and single requests."""

import collections
import http.client
import re
import signal
import subprocess
import sys
from dataclasses import dataclass

from harness import places

MICROSECONDS = {"us": 1.0, "ms": 1e3, "s": 1e6, "m": 6e7}


@dataclass
class Load:
    """What became of a slice of load; latencies in microseconds."""

    requests: int
    rate: float
    p50: float
    p99: float
    failed: int


def full_speed(port, tokens, seconds, connections=32, core=places.LOAD_CORE):
    """wrk: each connection sends its next request when it has its answer. `tokens` is a file."""
    with FullSpeed(port, tokens, connections, core, seconds) as load:
        return load.result()


class FullSpeed:
    """The same in the background, until it is stopped."""

    def __init__(self, port, tokens, connections=32, core=places.LOAD_CORE, seconds=100_000):
        pinned = ["taskset", "-c", core] if core else []
        command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s", "--latency",
                   "-s", str(places.CONF / "tokens.lua"), url(port), "--", str(tokens)]
        self.process = subprocess.Popen([*pinned, *command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    def stop(self):
        """Ends it now; returns what became of it."""
        self.process.send_signal(signal.SIGINT)
        return self.result()

    def result(self):
        """Waits for its end; returns what became of it."""
        out, errors = self.process.communicate()
        return what_wrk_says(out, errors)


def what_wrk_says(said, complaints):
    total = re.search(r"(\d+) requests in ([\d.]+)(us|ms|s|m),", said)
    if not total:
        sys.exit(f"wrk failed:\n{said}{complaints}")
    # wrk pads a unit of one letter.
    latency = {p: float(n) * MICROSECONDS[unit]
               for p, n, unit in re.findall(r"^\s+(50|99)%\s+([\d.]+)(us|ms|s|m) *$", said, re.M)}
    errors = re.findall(r"(?:Non-2xx or 3xx responses:|connect|read|write|timeout) (\d+)", said)
    requests = int(total[1])
    duration = float(total[2]) * MICROSECONDS[total[3]] / 1e6
    return Load(requests, requests / duration, latency["50"], latency["99"], sum(map(int, errors)))


def fixed_rate(port, token, seconds, rate, connections=8, core=places.LOAD_CORE):
    """h2load: so many requests a second, whatever the answers take. One token, since it knows no more."""
    log = places.RUN / "h2load.log"
    log.unlink(missing_ok=True)
    command = ["h2load", "--h1", "-t1", f"-c{connections}", "-D", str(seconds), f"--rps={rate / connections:g}",
               f"--log-file={log}", *header_options(token), url(port)]
    pinned = ["taskset", "-c", core] if core else []
    said = subprocess.run([*pinned, *command], capture_output=True, text=True, check=False)
    # Each line: when it began, the status, how long it took in microseconds.
    rows = [line.split("\t") for line in log.read_text().splitlines()] if log.exists() else []
    took = sorted(float(row[2]) for row in rows if row[1].startswith("2"))
    if not took:
        sys.exit(f"h2load had no good answer on port {port}:\n{said.stdout}{said.stderr}")
    return Load(len(took), len(took) / seconds, quantile(took, 0.5), quantile(took, 0.99), len(rows) - len(took))


def steady(port, token, seconds, rate, connections=32, core=places.LOAD_CORE):
    """benches/peers/steady: so many requests a second, each counted from the moment at which it was due."""
    words = [port, rate, connections, seconds, *bearing(token).values()]
    command = ["taskset", "-c", core, str(places.PEERS / "steady"), *map(str, words)]
    said = subprocess.run(command, capture_output=True, text=True, check=False)
    rows = said.stdout.splitlines()
    failed = [row.removeprefix("failed ") for row in rows if row.startswith("failed")]
    good = [tuple(map(int, row.split())) for row in rows if not row.startswith("failed")]
    if not good:
        sys.exit(f"steady had no good answer on port {port}: {said.stderr}{dict(collections.Counter(failed))}")
    took = sorted(latency / 1e3 for latency, _ in good)
    late = sorted(late / 1e3 for _, late in good)
    return {"requests": len(good), "rate": len(good) / seconds, "failed": len(failed),
            "whys": dict(collections.Counter(failed)), "late": quantile(late, 0.99),
            **{name: quantile(took, share) for name, share in (("p50", 0.5), ("p99", 0.99), ("p999", 0.999))}}


def endless(stage, name, port, token, rate, connections=8):
    """A background load at a fixed rate, until the stage ends."""
    command = ["h2load", "--h1", "-t1", f"-c{connections}", "-D", "100000", f"--rps={rate / connections:g}",
               *header_options(token), url(port)]
    return stage.start(name, command)


def get(port, path="/", headers=None):
    """One request on a connection of its own; returns status and body."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path, headers=headers or {})
        response = connection.getresponse()
        return response.status, response.read().decode()
    finally:
        connection.close()


def header(port, name, headers=None):
    """A header of the answer to one request on a connection of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", "/", headers=headers or {})
        return connection.getresponse().headers.get(name)
    finally:
        connection.close()


def bearing(token):
    """The header that carries a token."""
    return {"Authorization": f"Token {token}"} if token else {}


def quantile(values, share):
    """The value below which this share of the sorted values lies."""
    return values[min(len(values) - 1, int(len(values) * share))]


def header_options(token):
    return [part for name, value in bearing(token).items() for part in ("-H", f"{name}: {value}")]


def url(port):
    return f"http://127.0.0.1:{port}/"
