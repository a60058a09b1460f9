-- Moves a token to the next epoch. One that is gone stays gone.
-- KEYS: the token
-- ARGV: the epoch that it must have, the next one
-- Returns its end; nothing if it is gone or of another epoch.

local record = redis.call('GET', KEYS[1])
if not record then
  return false
end
local whose, expires, epoch = string.match(record, '^(%d+ %d+) (%S+) (%d+)$')
if epoch == ARGV[1] then
  redis.call('SET', KEYS[1], table.concat({whose, expires, ARGV[2]}, ' '), 'XX', 'KEEPTTL')
elseif epoch ~= ARGV[2] then
  return false
end
return expires
