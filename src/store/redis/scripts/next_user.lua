-- Gives out the next numbers of users, which nobody had before; returns the first of them.
--
-- What was given out last may be lost with the server that was the primary, and apps know people by these
-- numbers. So the count leaps where another server has it, or the same one after a restart, and where it
-- has gone back behind what a gateway has seen.
-- KEYS: the number given out last, which server that was
-- ARGV: the highest number that the gateway has seen, how far to leap, how many are given out

local seen = tonumber(ARGV[1])
local last = tonumber(redis.call('GET', KEYS[1]) or '0')
local before = redis.call('GET', KEYS[2])
-- Whoever may not ask gets no such leap.
local about = redis.pcall('INFO', 'replication')
local server = type(about) == 'string' and string.match(about, 'master_replid:(%x+)') or before

-- Nor is it known who counted before, if nobody has said so.
if last < seen or (last > 0 and before ~= server) then
  last = math.max(last, seen) + tonumber(ARGV[2])
end
if server and server ~= before then
  redis.call('SET', KEYS[2], server)
end
redis.call('SET', KEYS[1], string.format('%.0f', last + tonumber(ARGV[3])))
return last + 1
