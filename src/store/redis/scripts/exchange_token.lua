-- Puts a token on its user's list under another digest, beside the one that it has there. It is good by
-- that from then on, whatever its key says.
-- KEYS: the user, their tokens
-- ARGV: the moment of creation as entries have it, the 32 bytes that tell the token now, and those that
--       tell it from then on
-- Returns the user's epoch; nothing if the token is not on the list any more, so that it has ended.

local user = redis.call('HMGET', KEYS[1], 'is_active', 'epoch')
if user[1] ~= '1' then
  return false
end
local function entry_of(token)
  return table.concat({ARGV[1], user[2], token})
end
if not redis.call('ZSCORE', KEYS[2], entry_of(ARGV[3])) then
  local expiry = redis.call('ZSCORE', KEYS[2], entry_of(ARGV[2]))
  if not expiry then
    return false
  end
  redis.call('ZADD', KEYS[2], expiry, entry_of(ARGV[3]))
end
return user[2]
