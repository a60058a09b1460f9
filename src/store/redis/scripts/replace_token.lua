-- Puts another record in place of a token's, or none, if that is as it was read.
-- KEYS: the token
-- ARGV: the record that was read, the next one ('' for none), its end in milliseconds ('' for the one it has)
-- Returns 'done', 'changed' or 'gone'.

local record = redis.call('GET', KEYS[1])
if not record then
  return 'gone'
elseif record == ARGV[2] then
  -- It was done before, but the answer was lost.
  return 'done'
elseif record ~= ARGV[1] then
  return 'changed'
elseif ARGV[2] == '' then
  redis.call('DEL', KEYS[1])
elseif ARGV[3] == '' then
  redis.call('SET', KEYS[1], ARGV[2], 'KEEPTTL')
else
  redis.call('SET', KEYS[1], ARGV[2], 'PXAT', ARGV[3])
end
return 'done'
