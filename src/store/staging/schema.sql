-- A source of users and tokens. Moments are microseconds since 1970; what is refused says why.

CREATE TABLE groups (number INTEGER PRIMARY KEY, name TEXT NOT NULL) STRICT;

-- A user's row is their number, or below zero for one who has none, or none that can be kept.
CREATE TABLE users (
    row          INTEGER PRIMARY KEY,
    place        INTEGER NOT NULL,
    username     TEXT NOT NULL,
    email        TEXT NOT NULL,
    password     TEXT NOT NULL,
    kind         TEXT NOT NULL,
    trouble      TEXT,
    is_active    INTEGER NOT NULL,
    is_staff     INTEGER NOT NULL,
    is_superuser INTEGER NOT NULL,
    first_name   TEXT NOT NULL,
    last_name    TEXT NOT NULL,
    group_names  TEXT NOT NULL,
    group_refs   TEXT,
    joined       INTEGER,
    last_login   INTEGER,
    refusal      TEXT
) STRICT;

-- The rows of users who have something else than a number in the source.
CREATE TABLE keys (key TEXT PRIMARY KEY, row INTEGER NOT NULL) STRICT, WITHOUT ROWID;

-- The scheme is there only where it is not the native one; the owner is a user's row.
CREATE TABLE tokens (
    row        INTEGER PRIMARY KEY,
    place      INTEGER NOT NULL,
    owner      INTEGER,
    owner_name TEXT,
    owner_key  TEXT,
    digest     BLOB NOT NULL,
    scheme     TEXT,
    salt       BLOB,
    knox_key   TEXT,
    created    INTEGER,
    expires    INTEGER,
    refusal    TEXT
) STRICT;
