-- Version 1. The marks tell our file from others' (`authgate` reads them before it writes).
PRAGMA application_id = 0x61757467;
PRAGMA user_version = 1;

-- AUTOINCREMENT: the number of a deleted user is never given to another.
CREATE TABLE users (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    username   TEXT NOT NULL UNIQUE,
    email      TEXT NOT NULL,
    password   TEXT NOT NULL,
    is_active  INTEGER NOT NULL CHECK (is_active IN (0, 1)),
    is_staff   INTEGER NOT NULL CHECK (is_staff IN (0, 1)),
    joined     INTEGER NOT NULL,
    last_login INTEGER,
    epoch      INTEGER NOT NULL
) STRICT;

-- Moments are microseconds since 1970. A token is good only while user_epoch is its user's epoch.
CREATE TABLE tokens (
    digest     BLOB NOT NULL PRIMARY KEY CHECK (length(digest) = 64),
    user_id    INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created    INTEGER NOT NULL,
    expires    INTEGER,
    user_epoch INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX tokens_by_user ON tokens (user_id, user_epoch);
CREATE INDEX tokens_by_end ON tokens (expires) WHERE expires IS NOT NULL;
