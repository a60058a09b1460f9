-- Keeps an item in place of the one with its key, if that one still has this value, or drops that
-- one. Returns whether it did.
-- KEYS: the items of a kind
-- ARGV: the key, the value, the item ('' to drop the one that is there)

local there = redis.call('HGET', KEYS[1], ARGV[1])
if not there or string.match(there, '^%S+ %S+ (.*)$') ~= ARGV[2] then
  return 0
end
if ARGV[3] == '' then
  redis.call('HDEL', KEYS[1], ARGV[1])
else
  redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
end
return 1
