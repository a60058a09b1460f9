"""Starts what stands on both sides of a benchmark: authgate, and the app behind it."""

import os
import subprocess
import time

from harness import places


def start_authgate(stage, authgate, name, port, store, core=places.PROXY_CORE, **settings):
    """A gateway that guards the app."""
    file = write_settings(name, port, store, **settings)
    return stage.start(name, [authgate, "serve", "--config", file], core, port)


def write_settings(name, port, store, threads=1, access="user", cache_size=None, app_port=places.APP_PORT,
                   control=None, upstream="", routes=None, more=""):
    """The settings of a gateway; `threads` 0 is authgate's own default, `upstream` are more lines of the
    upstream and `more` other tables."""
    settings = places.RUN / f"{name}.toml"
    cache = f'cache_size = "{cache_size}"' if cache_size else ""
    settings.write_text(f"""[server]
listen = ["127.0.0.1:{port}"]
threads = {threads}
control = "{control or ""}"

[store]
url = "{store}"
{cache}

[log]
level = "warn" # the peers write no line a request either

[[upstreams]]
name = "app"
servers = ["127.0.0.1:{app_port}"]
{upstream}

{routes or route("/", access)}
{more}
""")
    return settings


def limits(by_both="1000000/1m"):
    """The table of limits that are at work but are not met, or only that of failures by account and network."""
    return f"""[limits]
login_failures_per_account_and_network = "{by_both}"
logins_per_account_and_network = "1000000/1m"
login_failures_per_network = "1000000/1m"
login_failures_per_account = {{ free = 1000000, delay = "1s", max_delay = "15m" }}
registrations_per_network = "1000000/1m"
unknown_tokens_per_network = "1000000/1m"
"""


def route(path, access="user", host=None, more=""):
    """The table of a route to the app."""
    host = f'host = "{host}"\n' if host else ""
    return f'[[routes]]\npath = "{path}"\naccess = "{access}"\nupstream = "app"\n{host}{more}'


def wait_until_it_listens(control):
    """A gateway takes commands a moment after it has begun to listen."""
    end = time.monotonic() + 10
    while not os.path.exists(control) and time.monotonic() < end:
        time.sleep(0.01)


def tell(authgate, control, command):
    """Tells a running gateway to reload or upgrade; returns what it has not done, or nothing."""
    wait_until_it_listens(control)
    told = subprocess.run([authgate, command, "--control", control], capture_output=True, text=True, check=False)
    return (told.stderr or f"exit code {told.returncode}").strip() if told.returncode else None


def start_app(stage, core=places.LOAD_CORE):
    """nginx, answering 1 kB: far faster than whatever stands before it."""
    return stage.start("app", nginx("app.nginx.conf"), core, places.APP_PORT)


def nginx(conf):
    """The command of an nginx with a file of conf/."""
    return ["nginx", "-p", places.RUN, "-c", places.CONF / conf, "-e", "stderr", "-g", f"pid {conf}.pid;"]
