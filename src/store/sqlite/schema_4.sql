-- Version 4: what comes along from Django.
PRAGMA user_version = 4;

-- What Django knows of a user beside. The groups are an array of names in JSON.
ALTER TABLE users ADD COLUMN first_name TEXT NOT NULL DEFAULT '';
ALTER TABLE users ADD COLUMN last_name TEXT NOT NULL DEFAULT '';
ALTER TABLE users ADD COLUMN is_superuser INTEGER NOT NULL DEFAULT 0 CHECK (is_superuser IN (0, 1));
ALTER TABLE users ADD COLUMN group_names TEXT NOT NULL DEFAULT '[]';

-- The first characters of a token's text, by which knox finds it.
ALTER TABLE tokens ADD COLUMN knox_key TEXT;

-- How the digests of some tokens were made, where it was not as they are made here. What is used is
-- rewritten, so this becomes less and less.
CREATE TABLE old_digests (
    digest   BLOB NOT NULL PRIMARY KEY REFERENCES tokens (digest) ON DELETE CASCADE,
    knox_key TEXT NOT NULL,
    scheme   TEXT NOT NULL,
    salt     BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX old_digests_by_key ON old_digests (knox_key);
