-- Frees a name, if it still belongs to the user that is gone. Returns whether it did.
-- KEYS: the name
-- ARGV: the user that is gone

if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return 0
end
return redis.call('DEL', KEYS[1])
