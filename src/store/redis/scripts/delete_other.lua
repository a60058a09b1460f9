-- Deletes a user, unless they are an operator or nobody can tell. Returns 1 if it did, 0 if there is no
-- such user, and nothing if they are spared.
-- KEYS: the user

local flags = redis.call('HMGET', KEYS[1], 'is_staff', 'is_active')
if redis.call('EXISTS', KEYS[1]) == 1 and flags[1] ~= '0' and flags[2] ~= '0' then
  return false
end
return redis.call('DEL', KEYS[1])
