-- Moves a token's end, unless it has none or a later one. Returns whether there is such a token.
-- KEYS: the token
-- ARGV: the new end in microseconds, the same in milliseconds, the epoch that it must have: with another
-- it has another entry in its user's list, which would keep the earlier end

local record = redis.call('GET', KEYS[1])
if not record then
  return 0
end
local user, created, expires, epoch = string.match(record, '^(%d+) (%d+) (%d+) (%d+)$')
if not user or epoch ~= ARGV[3] or tonumber(expires) >= tonumber(ARGV[1]) then
  return 1
end
redis.call('SET', KEYS[1], table.concat({user, created, ARGV[1], epoch}, ' '), 'PXAT', ARGV[2])
return 1
