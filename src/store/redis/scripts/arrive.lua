-- Writes a user who is being taken over, with the mark of that run, by which they are nobody yet; unless
-- somebody has the number. Returns whether the user is this run's.
--
-- What the run has written before stays where it is of a later epoch: a copy of this may come late.
-- KEYS: the user
-- ARGV: the run, the epoch, fields and values

if redis.call('EXISTS', KEYS[1]) == 1 then
  local there = redis.call('HMGET', KEYS[1], 'landing', 'epoch')
  if there[1] ~= ARGV[1] then
    return 0
  elseif tonumber(there[2]) >= tonumber(ARGV[2]) then
    return 1
  end
end
redis.call('HSET', KEYS[1], 'landing', ARGV[1], 'epoch', unpack(ARGV, 2))
return 1
