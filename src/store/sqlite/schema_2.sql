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
