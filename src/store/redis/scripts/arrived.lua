-- A user who was being taken over is there from now on. Returns whether they were nobody before.
-- KEYS: the user
-- ARGV: the run

if redis.call('HGET', KEYS[1], 'landing') ~= ARGV[1] then
  return 0
end
return redis.call('HDEL', KEYS[1], 'landing')
