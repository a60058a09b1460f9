"""Accounts with known tokens, written into a store directly: logins would take hours.

User 7 is user7, user7@example.com, and has one token. It is the harsh case: no user is shared
between tokens. The formats are those of src/store/sqlite/schema.sql and src/store/redis.
"""

import base64
import hashlib
import itertools
import os
import socket
import sqlite3
import subprocess
import sys
import time

from harness import places

PASSWORD = "correct-horse-7"
# Of PASSWORD, with the default cost of conf/authgate.toml.
PASSWORD_HASH = ("$argon2id$v=19$m=19456,t=2,p=1$YXV0aGdhdGUtYmVuY2hlcw"
                 "$q4CGY0RIsa0zPcgFDKdtXpaQqtyF6uiotO7dfO43MyE")
DAY = 86_400
BATCH = 1000


def username(number):
    """The name of a user, by number; numbers begin with 1."""
    return f"user{number}"


def token(number):
    """The token of a user: as long as authgate's own, and known to every peer too."""
    return hashlib.sha256(f"token-{number}".encode()).hexdigest()


def write_tokens(name, numbers):
    """A file of these users' tokens, a line each, for conf/tokens.lua."""
    file = places.RUN / name
    file.write_text("".join(token(number) + "\n" for number in numbers))
    return file


def write_no_token():
    """The same for requests without a token: an empty line."""
    file = places.RUN / "no.tokens"
    file.write_text("\n")
    return file


def is_staff(number, varied):
    """With `varied`, whoever has a number that ends with 001 is staff, user1 too."""
    return int(varied and number % 1000 == 1)


def is_active(number, varied):
    """With `varied`, one of fifty may not log in."""
    return int(not varied or number % 50 != 0)


def last_login(number, now, varied):
    """With `varied`, a third never logged in, and the others within a month, in no order; at moments of their own."""
    return None if not varied or number % 3 == 0 else now - (number * 7_919_117_861) % (30 * DAY * 1_000_000)


def fill_sqlite(authgate, name, count, varied=False):
    """Makes an SQLite store of so many users; returns its URL. authgate makes the tables."""
    path = places.RUN / name
    for leftover in (path, path.with_name(f"{name}-wal"), path.with_name(f"{name}-shm")):
        leftover.unlink(missing_ok=True)
    store = f"sqlite:{path}"
    made = subprocess.run([authgate, "user", "list"], env={**os.environ, "AUTHGATE__STORE__URL": store},
                          capture_output=True, text=True, check=False)
    if made.returncode:
        sys.exit(f"authgate could not make {path}:\n{made.stderr}")
    now, end = moments()
    users = ((n, username(n), f"{username(n)}@example.com", PASSWORD_HASH, is_active(n, varied), is_staff(n, varied),
              now, last_login(n, now, varied)) for n in range(1, count + 1))
    # In the order of the table, which is by digest, they go in several times faster.
    tokens = sorted((hashlib.sha512(token(n).encode()).digest(), n, now, end) for n in range(1, count + 1))
    database = sqlite3.connect(path)
    database.execute("PRAGMA synchronous = off")
    # What is made of the rows is made once they are all there, which takes half as long.
    made_of_rows = database.execute("SELECT type, name, sql FROM sqlite_schema WHERE type IN ('index', 'trigger')"
                                    " AND tbl_name IN ('users', 'tokens') AND sql IS NOT NULL").fetchall()
    with database:
        for kind, called, _ in made_of_rows:
            database.execute(f"DROP {kind} {called}")
        database.executemany("INSERT INTO users (id, username, email, password, is_active, is_staff,"
                             " joined, last_login, epoch, tokens) VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0, 1)", users)
        database.executemany("INSERT INTO tokens (digest, user_id, created, expires, user_epoch)"
                             " VALUES (?, ?, ?, ?, 0)", tokens)
        for _, _, sql in made_of_rows:
            database.execute(sql)
    database.execute("PRAGMA wal_checkpoint(truncate)")
    database.close()
    return store


def disable_in_sqlite(store, name):
    """Disables an account of a store that no gateway uses yet."""
    database = sqlite3.connect(store.removeprefix("sqlite:"))
    with database:
        database.execute("UPDATE users SET is_active = 0 WHERE username = ?", (name,))
    database.close()


def disable_in_redis(database, number):
    """Disables an account."""
    send_to_redis(database, [("HSET", f"authgate:user:{{{number}}}", "is_active", 0)])


def start_redis(stage, core=places.PROXY_CORE):
    """A Redis of our own, empty, which writes nothing to disk."""
    command = ["redis-server", "--port", places.REDIS_PORT, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no",
               "--dir", places.RUN, "--loglevel", "warning"]
    return stage.start("redis", command, core, places.REDIS_PORT)


def fill_redis(count, database=0, varied=False):
    """Makes a Redis store of so many users, without indexes, as one from before an update; returns its URL."""
    now, end = moments()
    send_to_redis(database, (command for n in range(1, count + 1) for command in redis_account(n, now, end, varied)))
    send_to_redis(database, [("SET", "authgate:next-user", count)])
    return f"redis://127.0.0.1:{places.REDIS_PORT}/{database}"


def redis_account(number, now, end, varied=False):
    key, entry, record = redis_token(number, now, end)
    name = username(number)
    moment = last_login(number, now, varied)
    login = () if moment is None else ("last_login", moment)
    yield ("HSET", f"authgate:user:{{{number}}}", "username", name, "email", f"{name}@example.com",
           "password", PASSWORD_HASH, "is_active", is_active(number, varied), "is_staff", is_staff(number, varied),
           "joined", now, "epoch", 0, *login)
    yield ("ZADD", "authgate:users", number, number)
    yield ("SET", f"authgate:name:{{{name}}}", number)
    yield ("ZADD", f"authgate:tokens:{{{number}}}", end, entry)
    yield ("SET", f"authgate:token:{{{key}}}", record, "PXAT", end // 1000)


def redis_token(number, now, end):
    """The key of a user's token, its entry in their list (creation, epoch, key) and its record (user, creation,
    whether and how long it lasts, epoch, the other half of the digest)."""
    digest = hashlib.sha512(token(number).encode()).digest()
    key = base64.urlsafe_b64encode(digest[:32]).decode().rstrip("=")
    entry = now.to_bytes(8, "big") + b"0" + digest[:32]
    return key, entry, varint(number) + zigzag(now) + b"\x01" + zigzag(end - now) + varint(0) + digest[32:]


def zigzag(number):
    """A signed number in as few bytes as it has."""
    return varint(number << 1 ^ number >> 63)


def varint(number):
    """A number in as few bytes as it has."""
    written = bytearray()
    while number > 0x7F:
        written.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*written, number])


def fill_redis_for_peers(count):
    """The same users as authsvc and the Lua of conf/nginx-lua-cache.conf look for them."""
    end = moments()[1] // 1_000_000
    send_to_redis(0, (("HSET", f"t:{hashlib.sha256(token(n).encode()).hexdigest()}",
                       "uid", n, "name", username(n), "exp", end) for n in range(1, count + 1)))


def write_maps(count):
    """The same users as HAProxy's maps."""
    with open(places.RUN / "tokens.map", "w", encoding="ascii") as tokens, \
         open(places.RUN / "digests.map", "w", encoding="ascii") as digests:
        for number in range(1, count + 1):
            text = token(number)
            tokens.write(f"{text} {number}\n")
            digests.write(f"{hashlib.sha256(text.encode()).hexdigest().upper()} {number}\n")


def send_to_redis(database, commands):
    """Sends commands in batches, and ends the run if Redis refuses one."""
    with socket.create_connection(("127.0.0.1", places.REDIS_PORT)) as connection:
        answers = connection.makefile("rb")
        commands = itertools.chain([("SELECT", database)], commands)
        while batch := list(itertools.islice(commands, BATCH)):
            connection.sendall(b"".join(map(redis_command, batch)))
            for command in batch:
                answer = answers.readline()
                if not answer.startswith((b"+", b":")):
                    sys.exit(f"Redis refused {command[:2]}: {answer!r}")


def ask_redis(database, command):
    """The first line of Redis's answer."""
    with socket.create_connection(("127.0.0.1", places.REDIS_PORT)) as connection:
        connection.sendall(redis_command(("SELECT", database)) + redis_command(command))
        answers = connection.makefile("rb")
        answers.readline()
        return answers.readline().strip()


def redis_command(words):
    texts = [word if isinstance(word, bytes) else str(word).encode() for word in words]
    return b"".join([b"*%d\r\n" % len(texts), *(b"$%d\r\n%s\r\n" % (len(text), text) for text in texts)])


def moments():
    """Now, and when the tokens end; in microseconds since 1970."""
    now = int(time.time() * 1_000_000)
    return now, now + 30 * DAY * 1_000_000
