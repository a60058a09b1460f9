-- Gives a name to another user, if it still belongs to the one that is gone. Returns whether it did.
-- KEYS: the name
-- ARGV: the user that is gone, the new one

if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return 0
end
redis.call('SET', KEYS[1], ARGV[2])
return 1
