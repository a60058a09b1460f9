-- Keeps an item, if there is none with its key. Returns whether it did.
-- KEYS: the items of a kind
-- ARGV: the key, the item, the present moment

local there = redis.call('HGET', KEYS[1], ARGV[1])
local expires = there and string.match(there, '^(%S+) ')
if there and (expires == '-' or tonumber(expires) > tonumber(ARGV[3])) then
  return 0
end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
return 1
