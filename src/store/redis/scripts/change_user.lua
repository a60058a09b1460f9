-- Sets fields of a user, and returns the user; an empty list if there is none, nothing if they are
-- spared.
-- KEYS: the user
-- ARGV: does it end their tokens (1 or 0), are operators spared (1 or 0), what the first field must be
-- ('' for anything), fields and values

if redis.call('EXISTS', KEYS[1]) == 0 then
  return {}
end
if ARGV[2] == '1' then
  local flags = redis.call('HMGET', KEYS[1], 'is_staff', 'is_active')
  if flags[1] ~= '0' and flags[2] ~= '0' then
    return false
  end
end
if ARGV[3] ~= '' and redis.call('HGET', KEYS[1], ARGV[4]) ~= ARGV[3] then
  return redis.call('HGETALL', KEYS[1])
end
redis.call('HSET', KEYS[1], unpack(ARGV, 4))
if ARGV[1] == '1' then
  -- A moment, as in end_tokens.lua.
  local time = redis.call('TIME')
  local least = time[1] * 1000 + math.floor(time[2] / 1000)
  if redis.call('HINCRBY', KEYS[1], 'epoch', 1) < least then
    redis.call('HSET', KEYS[1], 'epoch', string.format('%.0f', least))
  end
end
return redis.call('HGETALL', KEYS[1])
