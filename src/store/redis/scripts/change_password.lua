-- Replaces a user's password if it is still the one that was verified, and ends their tokens, but the one
-- to keep: its entry of the list is of the new epoch then, and makes it good, whatever its key says.
-- KEYS: the user, their tokens
-- ARGV: the hash that was verified, the new one, then entries of the token to keep, of any epoch: one for
--       each digest that it has or may be getting
-- Returns the new epoch, and for each of the entries whether it is of that; nothing if the user is not as
-- they were.

local user = redis.call('HMGET', KEYS[1], 'is_active', 'password', 'epoch')
-- An entry is eight bytes of creation, the epoch in digits, and 32 bytes that tell which token it is.
local function entry_of(kept, epoch)
  return table.concat({string.sub(kept, 1, 8), epoch, string.sub(kept, -32)})
end
if user[1] ~= '1' or (user[2] ~= ARGV[1] and user[2] ~= ARGV[2]) then
  return false
end
-- One that has no entry of the present epoch had ended before.
local expiries = {}
for i = 3, #ARGV do
  expiries[i] = redis.call('ZSCORE', KEYS[2], entry_of(ARGV[i], user[3]))
end
local epoch = user[3]
if user[2] ~= ARGV[2] then
  -- Else it was done before, but the answer was lost.

  -- A moment, as in end_tokens.lua. First, for nothing is undone where it fails.
  local time = redis.call('TIME')
  local least = time[1] * 1000 + math.floor(time[2] / 1000)
  if redis.call('HINCRBY', KEYS[1], 'epoch', 1) < least then
    redis.call('HSET', KEYS[1], 'epoch', string.format('%.0f', least))
  end
  redis.call('HSET', KEYS[1], 'password', ARGV[2], 'must_change', '0')
  epoch = redis.call('HGET', KEYS[1], 'epoch')

  for i = 3, #ARGV do
    if expiries[i] then
      redis.call('ZREM', KEYS[2], entry_of(ARGV[i], user[3]))
      redis.call('ZADD', KEYS[2], expiries[i], entry_of(ARGV[i], epoch))
    end
  end
end

local done = {epoch}
for i = 3, #ARGV do
  table.insert(done, expiries[i] and '1' or '0')
end
return done
