-- Sets one field of a user, and returns the user; nothing if there is none.
-- KEYS: the user
-- ARGV: field, value, does it end their tokens (1 or 0), the value that it replaces (any, if not given)

if redis.call('EXISTS', KEYS[1]) == 0 then
  return {}
end
if not ARGV[4] or redis.call('HGET', KEYS[1], ARGV[1]) == ARGV[4] then
  redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
end
if ARGV[3] == '1' then
  redis.call('HINCRBY', KEYS[1], 'epoch', 1)
end
return redis.call('HGETALL', KEYS[1])
