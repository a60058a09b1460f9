-- Sets fields of a user, and returns the user; nothing if there is none.
-- KEYS: the user
-- ARGV: does it end their tokens (1 or 0), what the first field must be ('' for anything), fields and values

if redis.call('EXISTS', KEYS[1]) == 0 then
  return {}
end
if ARGV[2] == '' or redis.call('HGET', KEYS[1], ARGV[3]) == ARGV[2] then
  redis.call('HSET', KEYS[1], unpack(ARGV, 3))
end
if ARGV[1] == '1' then
  redis.call('HINCRBY', KEYS[1], 'epoch', 1)
end
return redis.call('HGETALL', KEYS[1])
