-- Has a lock last longer, if the holder still has it. Returns whether they do.
-- KEYS: the lock
-- ARGV: the holder, for how many milliseconds

if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return 0
end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
