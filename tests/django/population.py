"""Users of every kind with tokens of every kind, and what clients know of them."""
import json
from datetime import datetime, timedelta, timezone

import argon2
import compatibility
import hashers
from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import MD5PasswordHasher, make_password
from django.contrib.auth.models import Group
from django.db import connection
from knox.settings import CONSTANTS
from rest_framework.authtoken.models import Token

JOINED = datetime(2019, 5, 17, 11, 30, 15, 123456, tzinfo=timezone.utc)
PASSWORD = "its Pass-Wörd 7"
LONG_PASSWORD = "0123456789" * 9  # more than bcrypt looks at
# Names that Django's own rules for names refuse, but only in forms.
FREE = ["John Smith", "ann\"a'; --", "<b>&amp;</b>", "Zoe\u0308", "a/b", "100%41", "id:7", "{}", "}{x}", "=1+1", "\U0001f600"]
# No app can be told of these by a header.
LAWLESS = ["new\nline", "tab\tname"]


def populate(file):
    """Fills an empty database, and writes {"logins": [...], "tokens": [...], "lawless": [...]} to a file."""
    groups = [Group.objects.create(name=name) for name in ("editors", "Ärzte & Pfleger")]
    known = {"logins": [], "tokens": [], "lawless": LAWLESS}
    for name, encoded in hashes():
        add(known, name, encoded)
    for name in (*names(), *LAWLESS):
        add(known, name, quick(PASSWORD))
    # Once someone has logged in, the new hash is of all that was typed.
    cut = hashers.BCrypt()
    add(known, "bcrypt-cut", cut.encode(LONG_PASSWORD, cut.salt()), [LONG_PASSWORD[:72]])
    boss = add(known, "boss", quick(PASSWORD), is_staff=True, is_superuser=True,
               first_name="Zoë", last_name="O'Neil, Jr.", email="Boss@Example.COM",
               last_login=JOINED + timedelta(days=1))
    boss.groups.set(groups)
    editor = add(known, "editor", quick(PASSWORD), is_staff=True, email="editor@example.com")
    editor.groups.set(groups[:1])
    gone = add(known, "gone", quick(PASSWORD), is_active=False)
    # Nobody can type the name of the first of these as it is: REST framework takes blanks off.
    free = [add(known, name, quick(PASSWORD)) for name in (" blank", "blank", "Smith, John")]
    for user in (boss, editor, gone, *free):
        known["tokens"] += tokens_of(user)
    known["logins"] += [{"username": "nobody", "password": PASSWORD}]
    known["tokens"] += ["0" * 64, "f" * 40]
    with open(file, "w", encoding="utf-8") as out:
        json.dump(known, out)


def add(known, name, encoded, passwords=(PASSWORD, PASSWORD.upper(), LONG_PASSWORD), **fields):
    """A user as they come to be without a form, which would not let each of these names in."""
    fields.setdefault("date_joined", JOINED)
    user = get_user_model().objects.create(username=name, password=encoded, **fields)
    for password in passwords:
        known["logins"].append({"username": name, "password": password})
    return user


def quick(password):
    return hashers.PBKDF2().encode(password, "saltsaltsalt")


def hashes():
    """A name for each kind of hash, and the hash."""
    for kind in hashers.KINDS:
        hasher = hashers.full(kind)
        yield hasher.algorithm, hasher.encode(PASSWORD, hasher.salt())
    for hasher in (hashers.BCryptSHA256(), hashers.BCrypt()):
        yield hasher.algorithm + "-long", hasher.encode(LONG_PASSWORD, hasher.salt())
    for hasher, iterations in ((hashers.PBKDF2(), 36_000), (hashers.PBKDF2(), 1), (hashers.PBKDF2SHA1(), 12_000)):
        yield f"{hasher.algorithm}-{iterations}", hasher.encode(PASSWORD, "oldsalt12345", iterations=iterations)
    secret = PASSWORD.encode()
    old = argon2.low_level.hash_secret(secret, b"saltsalt", 2, 512, 2, 16, argon2.low_level.Type.I)
    yield "argon2i", "argon2" + old.decode()
    yield "md5", MD5PasswordHasher().encode(PASSWORD, "salt")
    yield "unusable", make_password(None)
    yield "empty", ""
    yield "broken", "pbkdf2_sha256$many$salt$"
    yield "unknown", "whirlpool$salt$00"


def names():
    yield from ("user@host.example+tag-1_x", "n" * 150, "Zoë", "ﬁona", "李明", "42", "Anna", *FREE)
    if tells_case():
        yield from ("anna", "John Smith ", "an\u200dna", "\u202eanna")


def tokens_of(user):
    """Makes a user's tokens; what clients hold, and what nobody ever held."""
    hour = timedelta(hours=1)
    tokens = compatibility.token_model().objects
    known = [tokens.create(user, expiry=expiry)[1] for expiry in (hour, 9000 * hour, None, -hour)]
    if compatibility.knox_version() >= (5, 0):
        known += [tokens.create(user, prefix=prefix)[1] for prefix in ("app_", "tenletters")]
    known.append(same_key(user, known[0]))
    known.append(Token.objects.create(user=user).key)
    live = known[0]
    guesses = [live[:-1] + ("0" if live[-1] != "0" else "1"), live[:-2], "app_" + live,
               live[:CONSTANTS.TOKEN_KEY_LENGTH], tokens.filter(user=user).first().digest]
    # To knox 4 the digits of a token are the same in capitals, once the database has found it.
    key = live[:CONSTANTS.TOKEN_KEY_LENGTH]
    return known + guesses + ([live.upper()] if tells_case() and key.upper() != key else [])


def tells_case():
    """MySQL takes Anna for anna, in names and in what finds a token; authgate never does."""
    return connection.vendor != "mysql"


def same_key(user, other):
    """A token that the database finds by the same key as another."""
    model = compatibility.token_model()
    token = other[:CONSTANTS.TOKEN_KEY_LENGTH] + model.objects.create(user)[1][CONSTANTS.TOKEN_KEY_LENGTH:]
    row = {"token_key": token[:CONSTANTS.TOKEN_KEY_LENGTH], "user": user}
    from knox import crypto
    if hasattr(crypto, "create_salt_string"):
        row["salt"] = crypto.create_salt_string()
        model(digest=crypto.hash_token(token, row["salt"]), **row).save()
    else:
        model(digest=crypto.hash_token(token), **row).save()
    return token
