"""Measures what a connection costs that is open and idle, while others are served.

So many clients connect, use a token once, and keep their connection. Memory is the gateway's resident memory
that is no file (RssAnon), before the first and after the last; it counts all that is kept for a connection. Other
clients come all the while, each on a fresh connection, and must be answered with 200. `--tls` is the same over TLS
1.3. Exit code 1 if a request failed, or if a connection takes more than the goal.
"""

import resource
import socket
import ssl
import statistics
import subprocess
import sys
import threading
import time

from harness import accounts, gateway, places, report
from harness.connection import Connection, request
from harness.processes import Stage

PORT = 17192
USERS = 100
WARM = 200  # connections that come before, so that what is made once is there


def add_options(parser):
    """The options of `benches/run idle`."""
    parser.add_argument("--connections", type=int, default=10_000)
    parser.add_argument("--tls", action="store_true", help="over TLS")
    parser.add_argument("--hold", type=float, default=5, metavar="SECONDS", help="after the last has come")
    parser.add_argument("--goal", type=float, default=20, metavar="KIB", help="for each")


def run(options):
    """Opens the connections and reports."""
    places.require(["nginx", *(["openssl"] if options.tls else [])])
    places.require_authgate(options.authgate)
    allow_files(options.connections + 2_000)
    with Stage() as stage:
        gateway.start_app(stage, core=None)
        store = accounts.fill_sqlite(options.authgate, "idle.db", USERS)
        file = write_settings(store, options)
        program = stage.start("authgate", [options.authgate, "serve", "--config", file], None, PORT)
        connect = connect_tls() if options.tls else connect_plainly
        asking = request("GET", "/", accounts.token(1))
        warm = [come(connect, asking) for _ in range(WARM)]
        time.sleep(1)
        before = program.resident_bytes("RssAnon")
        with Fresh(connect, asking) as fresh:
            held = [come(connect, asking) for _ in range(options.connections)]
            time.sleep(options.hold)
        after = program.resident_bytes("RssAnon")
        alive = sum(ask(connection, asking) == 200 for connection in held[:: max(1, len(held) // 200)])
    tell(options, (after - before) / options.connections / 1024, fresh, alive)
    del warm


def write_settings(store, options):
    """As gateway.write_settings, but connections are kept for long and may be many."""
    file = gateway.write_settings("idle", PORT, store, threads=0)
    text = file.read_text()
    more = ('keep_alive = "1h"\nmax_connections = 0\nmax_connections_per_address = 0\n'
            'max_connections_per_network = 0\n')
    text = text.replace("[server]\n", "[server]\n" + "".join(line + "\n" for line in more.splitlines()
                                                             if known(line.split()[0])), 1)
    if options.tls:
        key, certificate = places.RUN / "idle.key", places.RUN / "idle.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                        "-subj", "/CN=bench.local", "-days", "7", "-keyout", key, "-out", certificate],
                       check=True, capture_output=True)
        text = text.replace(f'listen = ["127.0.0.1:{PORT}"]\n', "listen = []\n")
        text += (f'[[listeners]]\naddress = "127.0.0.1:{PORT}"\n'
                 f'certificates = [{{ certificate = "{certificate}", key = "{key}" }}]\n')
    file.write_text(text)
    return file


def known(key):
    """Whether this version has such a setting."""
    return any(line.startswith(key) for line in (places.REPOSITORY / "conf" / "authgate.toml").read_text().splitlines())


def connect_plainly():
    return socket.create_connection(("127.0.0.1", PORT), 30)


def connect_tls():
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return lambda: context.wrap_socket(connect_plainly(), server_hostname="bench.local")


def come(connect, asking):
    """A client that asks once and stays."""
    connection = connect()
    if ask(connection, asking) != 200:
        sys.exit("a client was not served")
    return connection


def ask(connection, asking):
    """The status of an answer, which is read to its end."""
    connection.sendall(asking)
    answer = b""
    while b"\r\n\r\n" not in answer:
        got = connection.recv(65536)
        if not got:
            return 0
        answer += got
    head, _, body = answer.partition(b"\r\n\r\n")
    length = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    while len(body) < length:
        body += connection.recv(65536)
    return int(head[9:12])


class Fresh:
    """Clients that come and go all the while."""

    def __init__(self, connect, asking):
        self.connect, self.asking, self.is_over = connect, asking, False
        self.took, self.failed = [], 0
        self.thread = threading.Thread(target=self.go_on, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.is_over = True
        self.thread.join()

    def go_on(self):
        while not self.is_over:
            began = time.monotonic()
            try:
                with self.connect() as connection:
                    self.failed += ask(connection, self.asking) != 200
            except OSError:
                self.failed += 1
            self.took.append(time.monotonic() - began)
            time.sleep(0.01)


def allow_files(count):
    """Of this process and of those that it starts."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < count:
        if hard < count:
            sys.exit(f"{count} files must be allowed (ulimit -n), and {hard} are")
        resource.setrlimit(resource.RLIMIT_NOFILE, (count, hard))


def tell(options, each, fresh, alive):
    """Prints, and ends with 1 if a goal is missed."""
    p99 = statistics.quantiles(fresh.took, n=100)[98] * 1e3 if len(fresh.took) > 1 else 0.0
    measured = {"kib_each": each, "fresh": len(fresh.took), "failed": fresh.failed, "p99_ms": p99, "alive": alive}
    report.save(options.out, options, measured)
    print(f"{options.connections} idle connections{' over TLS' if options.tls else ''}: {each:.1f} KiB each "
          f"(goal {options.goal:g}); {len(fresh.took)} clients came meanwhile, {fresh.failed} failed, p99 {p99:.1f} ms; "
          f"{alive} of those that were asked again were served")
    if fresh.failed or each > options.goal or not alive:
        sys.exit(1)
