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

-- Whether they are to choose another password, and how many tokens they have: all of them, also those
-- that have run out and are not swept yet.
ALTER TABLE users ADD COLUMN must_change INTEGER NOT NULL DEFAULT 0 CHECK (must_change IN (0, 1));
ALTER TABLE users ADD COLUMN tokens INTEGER NOT NULL DEFAULT 0;

UPDATE users SET tokens = counted.number
FROM (SELECT user_id, count(*) AS number FROM tokens GROUP BY user_id) AS counted
WHERE id = counted.user_id;

CREATE TRIGGER token_added AFTER INSERT ON tokens BEGIN
    UPDATE users SET tokens = tokens + 1 WHERE id = new.user_id;
END;
CREATE TRIGGER token_removed AFTER DELETE ON tokens BEGIN
    UPDATE users SET tokens = tokens - 1 WHERE id = old.user_id;
END;

-- An index for each order of users. Among equals the number decides, which every index ends with.
CREATE INDEX users_by_activity ON users (is_active);
CREATE INDEX users_by_email ON users (lower(email));
CREATE INDEX users_by_login ON users (ifnull(last_login, -1));
CREATE INDEX users_by_name ON users (lower(username));
CREATE INDEX users_by_staff ON users (is_staff);
CREATE INDEX users_by_tokens ON users (tokens);

-- What operators want to know of a token: from where, by whom and with what it was issued, what it is
-- called, when and from where it was used last.
ALTER TABLE tokens ADD COLUMN address TEXT;
ALTER TABLE tokens ADD COLUMN issued_by TEXT;
ALTER TABLE tokens ADD COLUMN name TEXT;
ALTER TABLE tokens ADD COLUMN user_agent TEXT;
ALTER TABLE tokens ADD COLUMN used INTEGER;
ALTER TABLE tokens ADD COLUMN used_from TEXT;

CREATE INDEX tokens_by_use ON tokens (ifnull(used, created));

CREATE INDEX items_by_owner ON items (owner) WHERE owner IS NOT NULL;

-- How often something happened in a minute.
CREATE TABLE counts (
    minute INTEGER NOT NULL,
    series TEXT NOT NULL,
    number INTEGER NOT NULL,
    PRIMARY KEY (minute, series)
) STRICT, WITHOUT ROWID;
