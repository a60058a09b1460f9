"""Shows how long the console's page of users takes among a million of them.

A real gateway, a real page: signed in as user1, one page after another is asked for over one
connection, and timed from the request to the last byte of its HTML. Each order both ways: the first
page, and those after it, as one who leafs through gets them. Then what is searched for: what many,
few and nobody have, and what is found far from where the order begins. A gateway looks at a bounded
number of users for a page, so one may be short or empty and lead on: `shown` is how many users the
first page of a search has. What counts is the slowest page; the goal is 200 ms.

On Redis the store is as one from before an update, and the gateway makes its indexes first: that is
timed too. On SQLite the figure is of a file that has just been written, and so is in memory.
"""

import http.client
import re
import statistics
import sys
import time
import urllib.parse

from harness import accounts, gateway, places, report
from harness.processes import Stage

PORT = 17190
GOAL = 0.2  # seconds
COLUMNS = ["username", "email", "is_active", "is_staff", "joined", "last_login", "live_tokens"]
SEARCHES = {
    "all": {"q": "user"},
    "many": {"q": "user12"},
    "many, far from the beginning": {"q": "user7"},
    "few": {"q": "user12345"},
    "nobody": {"q": "zoe"},
    "staff": {"staff": "yes"},
    "others": {"staff": "no"},
    "locked out": {"active": "no"},
    "locked-out staff": {"active": "no", "staff": "yes"},
    "many of staff": {"q": "user12", "staff": "yes"},
    "many locked out": {"q": "user12", "active": "no"},
}


def add_options(parser):
    """The options of `benches/run people`."""
    parser.add_argument("--redis", action="store_true", help="on Redis, not SQLite")
    parser.add_argument("--users", type=int, default=1_000_000)
    parser.add_argument("--pages", type=int, default=20, help="how many pages of each order and search")


def run(options):
    """Makes the store, and asks for pages."""
    places.require(["redis-server"] if options.redis else [])
    places.require_authgate(options.authgate)
    with Stage() as stage:
        report.progress(f"making a store of {options.users} users")
        store = make_store(stage, options)
        begun = time.monotonic()
        gateway.start_authgate(stage, options.authgate, "authgate-people", PORT, store, core=None, threads=0)
        if options.redis:
            wait_for_indexes()
            report.progress(f"indexes made in {time.monotonic() - begun:.0f} s")
        browser = Browser()
        measured = {name: leaf_through(browser, query, options.pages) for name, query in questions()}
    report.save(options.out, options, measured)
    show(measured)


def make_store(stage, options):
    """A store of so many users who differ."""
    if options.redis:
        accounts.start_redis(stage, core=None)
        return accounts.fill_redis(options.users, varied=True)
    return accounts.fill_sqlite(options.authgate, "people.db", options.users, varied=True)


def wait_for_indexes():
    """A gateway marks the store once its indexes are complete."""
    while accounts.ask_redis(0, ("EXISTS", "authgate:indexed:1")) != b":1":
        time.sleep(1)


def questions():
    """What is asked for, as the page's address says it."""
    for column in COLUMNS:
        for sort in (column, f"-{column}"):
            yield f"by {sort}", {"sort": sort}
    for name, query in SEARCHES.items():
        for sort in ("username", "-joined", "-last_login"):
            yield f"{name}, by {sort}", {**query, "sort": sort}


def leaf_through(browser, query, pages):
    """How long each of the first pages takes, and how many users the first has."""
    seconds, shown, address = [], None, "/admin/users/?" + urllib.parse.urlencode(query)
    for _ in range(pages):
        begun = time.perf_counter()
        page = browser.get(address)
        seconds.append(time.perf_counter() - begun)
        shown = len(set(re.findall(r'href="/admin/users/(\d+)/"', page))) if shown is None else shown
        following = re.search(r'href="([^"]*[?&;]after=[^"]*)"', page)
        if not following:
            break
        address = urllib.parse.urljoin("/admin/users/", following.group(1).replace("&amp;", "&"))
    return {"seconds": seconds, "shown": shown}


class Browser:
    """Someone who is signed in."""

    def __init__(self):
        self.connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=30)
        self.headers = {}
        form = self.ask("GET", "/admin/login/")
        key = re.search(r'name="form_key" value="([^"]+)"', form).group(1)
        typed = {"form_key": key, "username": accounts.username(1), "password": accounts.PASSWORD}
        self.ask("POST", "/admin/login/", urllib.parse.urlencode(typed),
                 {"Origin": f"http://127.0.0.1:{PORT}", "Content-Type": "application/x-www-form-urlencoded"})

    def get(self, address):
        """A page's HTML."""
        return self.ask("GET", address)

    def ask(self, method, address, body=None, headers=None):
        self.connection.request(method, address, body, {**self.headers, **(headers or {})})
        answer = self.connection.getresponse()
        text = answer.read().decode()
        if cookie := answer.getheader("Set-Cookie"):
            self.headers["Cookie"] = cookie.split(";")[0]
        if answer.status not in (200, 302, 303) or (method == "GET" and answer.status != 200):
            sys.exit(f"{method} {address} was answered with {answer.status}")
        return text


def show(measured):
    """Prints each question, and whether the goal is met."""
    def milliseconds(seconds):
        return f"{seconds * 1000:.1f}"

    rows = [(name, one["shown"], len(one["seconds"]), milliseconds(one["seconds"][0]),
             milliseconds(statistics.median(one["seconds"])), milliseconds(max(one["seconds"])))
            for name, one in measured.items()]
    report.table(["users", "shown", "pages", "first ms", "median ms", "slowest ms"], rows)
    slowest = max(max(one["seconds"]) for one in measured.values())
    print(f"the slowest page: {milliseconds(slowest)} ms; goal: {milliseconds(GOAL)} ms")
    if slowest > GOAL:
        sys.exit(1)
