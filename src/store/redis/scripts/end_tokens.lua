-- Ends all tokens of a user. Returns whether there is such a user.
--
-- Epochs are moments in milliseconds where that is more: after a server was lost with the last epochs, the
-- next one is none of those, whose tokens would be good again.
-- KEYS: the user
-- ARGV: the last epoch that is known to have ended

if redis.call('EXISTS', KEYS[1]) == 0 then
  return 0
end
local time = redis.call('TIME')
local least = math.max(tonumber(ARGV[1]) + 1, time[1] * 1000 + math.floor(time[2] / 1000))
if redis.call('HINCRBY', KEYS[1], 'epoch', 1) < least then
  redis.call('HSET', KEYS[1], 'epoch', string.format('%.0f', least))
end
return 1
