-- Keeps an item, if there is none with its key. Returns whether it did.
--
-- One that cannot be read counts as there.
-- KEYS: the items of a kind
-- ARGV: the key, the item, the present moment

local there = redis.call('HGET', KEYS[1], ARGV[1])
if there then
  local expires = string.match(there, '^(%S+) %S+ ')
  local moment = expires and tonumber(expires)
  if not moment or moment > tonumber(ARGV[3]) then
    return 0
  end
end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
return 1
