-- Raises the number given out last, unless it is as high already.
--
-- KEYS: the number given out last, which server that was
-- ARGV: the number, and whether that is the whole count if there is none yet (1 or 0): then the count need
-- not leap, as in next_user.lua

local last = tonumber(redis.call('GET', KEYS[1]) or '0')
if ARGV[2] == '1' and last == 0 and redis.call('EXISTS', KEYS[2]) == 0 then
  -- Whoever may not ask has it leap.
  local about = redis.pcall('INFO', 'replication')
  local server = type(about) == 'string' and string.match(about, 'master_replid:(%x+)')
  if server then
    redis.call('SET', KEYS[2], server)
  end
end
if last < tonumber(ARGV[1]) then
  redis.call('SET', KEYS[1], ARGV[1])
end
return 1
