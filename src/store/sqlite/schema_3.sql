-- Version 3: the console.
PRAGMA user_version = 3;

-- Small things for the console. Moments are microseconds since 1970.
CREATE TABLE items (
    kind    TEXT NOT NULL,
    key     TEXT NOT NULL,
    owner   INTEGER,
    value   TEXT NOT NULL,
    expires INTEGER,
    PRIMARY KEY (kind, key)
) STRICT, WITHOUT ROWID;

CREATE INDEX items_by_end ON items (expires) WHERE expires IS NOT NULL;

-- Which operator did it, where the actor is one.
ALTER TABLE events ADD COLUMN operator TEXT;
