-- Writes a new user, unless there is one of that number. Returns whether it is theirs.
-- KEYS: the user
-- ARGV: fields and values

if redis.call('EXISTS', KEYS[1]) == 1 then
  -- It may have been written before, and the answer lost.
  for i = 1, #ARGV, 2 do
    if redis.call('HGET', KEYS[1], ARGV[i]) ~= ARGV[i + 1] then
      return 0
    end
  end
  return 1
end
redis.call('HSET', KEYS[1], unpack(ARGV))
return 1
