"""Where things are: folders, programs, cores and ports."""

import os
import pathlib
import shutil
import sys

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
CONF = REPOSITORY / "benches" / "conf"
# Everything that is made goes here.
BENCH_DIR = pathlib.Path(os.environ.get("BENCH_DIR") or REPOSITORY / "target" / "bench").resolve()
RUN = BENCH_DIR / "run"
# Where benches/setup puts the programs of benches/peers.
PEERS = pathlib.Path(os.environ.get("BENCH_PEERS") or BENCH_DIR / "peers" / "release").resolve()

# The proxy under test has a core for itself; what makes the load and answers it has the other.
PROXY_CORE, LOAD_CORE = "0", "1"

APP_PORT = 17000
REDIS_PORT = 17199
CUT_PORT = 17198  # Redis again, behind what cuts it off

PACKAGES = {
    "wrk": "wrk",
    "h2load": "nghttp2-client",
    "nginx": "nginx",
    "haproxy": "haproxy",
    "redis-server": "redis-server",
    "taskset": "util-linux",
    "curl": "curl",
}


def require(programs):
    """Ends the run if programs are missing, with the line that installs them all."""
    # nginx and haproxy are in /usr/sbin, where not every shell looks.
    os.environ["PATH"] += ":/usr/sbin"
    missing = [name for name in sorted(set(programs)) if not shutil.which(name)]
    if missing:
        packages = " ".join(sorted(PACKAGES[name] for name in missing))
        sys.exit(f"missing: {', '.join(missing)}. Run benches/setup, or: sudo apt-get install -y {packages}")


def require_files(files):
    """Ends the run if files are missing; each comes with what makes it."""
    missing = [f"missing: {path}. {remedy}" for path, remedy in files if not pathlib.Path(path).exists()]
    if missing:
        sys.exit("\n".join(missing))


def require_authgate(path):
    """Ends the run if there is no authgate to measure."""
    require_files([(path, "`make dist` builds authgate; --authgate names another.")])


def require_peers(names):
    """Ends the run if one of benches/peers is not built."""
    require_files([(PEERS / name, "benches/setup builds it; BENCH_PEERS names another folder.") for name in names])
