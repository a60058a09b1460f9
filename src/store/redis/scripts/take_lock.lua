-- Takes a lock, if nobody has it. Returns whether it did.
--
-- Whatever else is there, junk too, ends no later than a lock that is taken now would.
-- KEYS: the lock
-- ARGV: the holder, for how many milliseconds

if redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then
  return 1
end
local left = redis.call('PTTL', KEYS[1])
if left < 0 or left > tonumber(ARGV[2]) then
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
end
return 0
