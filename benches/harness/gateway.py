"""Starts what stands on both sides of a benchmark: authgate, and the app behind it."""

from harness import places


def start_authgate(stage, authgate, name, port, store, core=places.PROXY_CORE, threads=1, access="user",
                   cache_size=None):
    """A gateway that guards the app; `threads` 0 is authgate's own default."""
    settings = places.RUN / f"{name}.toml"
    cache = f'cache_size = "{cache_size}"' if cache_size else ""
    settings.write_text(f"""[server]
listen = ["127.0.0.1:{port}"]
threads = {threads}

[store]
url = "{store}"
{cache}

[log]
level = "warn" # the peers write no line a request either

[[upstreams]]
name = "app"
servers = ["127.0.0.1:{places.APP_PORT}"]

[[routes]]
path = "/"
access = "{access}"
upstream = "app"
""")
    return stage.start(name, [authgate, "serve", "--config", settings], core, port)


def start_app(stage, core=places.LOAD_CORE):
    """nginx, answering 1 kB: far faster than whatever stands before it."""
    return stage.start("app", nginx("app.nginx.conf"), core, places.APP_PORT)


def nginx(conf):
    """The command of an nginx with a file of conf/."""
    return ["nginx", "-p", places.RUN, "-c", places.CONF / conf, "-e", "stderr", "-g", f"pid {conf}.pid;"]
