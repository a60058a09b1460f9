-- Version 5: who was deleted.
PRAGMA user_version = 5;

-- The numbers of users who were deleted here: no import brings them back unawares.
CREATE TABLE deleted_users (id INTEGER PRIMARY KEY) STRICT;

-- Users of whom an import has not written all tokens yet. Until then they are locked out, and as they are
-- to be otherwise.
CREATE TABLE landing_users (
    id INTEGER PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE
) STRICT;
