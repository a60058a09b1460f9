-- Replaces a user's password if it is still the one that was verified, and ends their tokens: the one
-- to keep changes its entry of the list, and is good again once its key does the same.
-- KEYS: the user, their tokens
-- ARGV: the hash that was verified, the new one, the entry of the token to keep ('' for none)
-- Returns the new epoch; nothing if the user is not as they were.

local user = redis.call('HMGET', KEYS[1], 'is_active', 'password', 'epoch')
if user[1] == '1' and user[2] == ARGV[2] then
  -- It was done before, but the answer was lost.
  return user[3]
end
if user[1] ~= '1' or user[2] ~= ARGV[1] then
  return false
end

redis.call('HSET', KEYS[1], 'password', ARGV[2], 'must_change', '0')
local epoch = redis.call('HINCRBY', KEYS[1], 'epoch', 1)

-- An entry is eight bytes of creation, the epoch in digits, and 32 bytes that tell which token it is.
local seen = string.sub(ARGV[3], 9, -33)
local expiry = seen == user[3] and redis.call('ZSCORE', KEYS[2], ARGV[3])
if expiry then
  redis.call('ZREM', KEYS[2], ARGV[3])
  redis.call('ZADD', KEYS[2], expiry, table.concat({string.sub(ARGV[3], 1, 8), epoch, string.sub(ARGV[3], -32)}))
end
return epoch
