-- Version 5: the way back to where tokens came from.
PRAGMA user_version = 5;

-- What a token was found by before it got its digest here: how that was made, with what salt, and the
-- digest. It lets nobody in.
ALTER TABLE tokens ADD COLUMN former BLOB;
