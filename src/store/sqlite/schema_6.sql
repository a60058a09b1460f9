-- Version 6: the way back to where tokens came from.
PRAGMA user_version = 6;

-- What a token was found by before it got its digest here: how that was made, with what salt, and the
-- digest. It lets nobody in.
ALTER TABLE tokens ADD COLUMN former BLOB;
