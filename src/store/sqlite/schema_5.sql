-- Version 5: who was deleted, and the way back to where tokens came from.
PRAGMA user_version = 5;

-- The numbers of users who were deleted here: no import brings them back unawares.
CREATE TABLE deleted_users (id INTEGER PRIMARY KEY) STRICT;

-- Users of whom an import has not written all tokens yet. Until then they are locked out, and as they are
-- to be otherwise.
CREATE TABLE landing_users (
    id INTEGER PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE
) STRICT;

-- Whom somebody lets in is somebody.
CREATE TRIGGER user_let_in AFTER UPDATE OF is_active ON users WHEN new.is_active BEGIN
    DELETE FROM landing_users WHERE id = new.id;
END;

-- What a token was found by before it got its digest here: how that was made, with what salt, and the
-- digest. It lets nobody in.
ALTER TABLE tokens ADD COLUMN former BLOB;
