-- Deletes a user and notes that they were, unless operators are spared and they are one or nobody can tell.
-- Returns 1 if it did, 0 if there is no such user, and nothing if they are spared.
-- KEYS: the user; the set of deleted users, unless that is another server's
-- ARGV: are operators spared (1 or 0), what stands for the user in the set

if redis.call('EXISTS', KEYS[1]) == 0 then
  return 0
end
if ARGV[1] == '1' then
  local flags = redis.call('HMGET', KEYS[1], 'is_staff', 'is_active')
  if flags[1] ~= '0' and flags[2] ~= '0' then
    return false
  end
end
if KEYS[2] then
  redis.call('SADD', KEYS[2], ARGV[2])
end
return redis.call('DEL', KEYS[1])
