-- Version 2: limits.
PRAGMA user_version = 2;

-- What has been taken of each limit. Moments are microseconds since 1970.
CREATE TABLE limits (
    key    TEXT NOT NULL PRIMARY KEY,
    level  INTEGER NOT NULL,
    until  INTEGER NOT NULL,
    forget INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX limits_by_end ON limits (forget);

-- From which networks each user has logged in.
CREATE TABLE familiar (
    user_id INTEGER NOT NULL,
    network TEXT NOT NULL,
    forget  INTEGER NOT NULL,
    PRIMARY KEY (user_id, network)
) STRICT, WITHOUT ROWID;

CREATE INDEX familiar_by_end ON familiar (forget);

-- What happened. The numbers of a trail tell how many events it has at most.
CREATE TABLE events (
    trail    TEXT NOT NULL,
    number   INTEGER NOT NULL,
    at       INTEGER NOT NULL,
    name     TEXT NOT NULL,
    actor    TEXT NOT NULL,
    address  TEXT,
    user_id  INTEGER,
    username TEXT,
    detail   TEXT,
    PRIMARY KEY (trail, number)
) STRICT, WITHOUT ROWID;

CREATE INDEX events_by_time ON events (at);
