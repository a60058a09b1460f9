-- Deletes what was written of a user who is nobody, if a run that was stopped has done that. Returns whether
-- it did.
-- KEYS: the user
-- ARGV: the run

if redis.call('HGET', KEYS[1], 'landing') ~= ARGV[1] then
  return 0
end
return redis.call('DEL', KEYS[1])
