-- Ends all tokens of a user. Returns whether there is such a user.
-- KEYS: the user

if redis.call('EXISTS', KEYS[1]) == 0 then
  return 0
end
redis.call('HINCRBY', KEYS[1], 'epoch', 1)
return 1
