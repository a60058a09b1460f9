-- Adds a token to its user's list, if the user is as the caller last saw them.
-- KEYS: the user, their tokens
-- ARGV: epoch, entry, expiry, created, is it a login (1 or 0), most or '', on the limit ('evict' or 'refuse')
-- Returns 'done', 'changed' or 'full'; or 'evict' and the entries that must go first.

local user = redis.call('HMGET', KEYS[1], 'is_active', 'epoch')
-- Nobody logs in who may not; what they have from before is carried along.
if (ARGV[5] == '1' and user[1] ~= '1') or user[2] ~= ARGV[1] then
  return {'changed'}
end

if ARGV[6] ~= '' then
  local live = {}
  for _, entry in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '(' .. ARGV[4], '+inf')) do
    -- Eight bytes of creation, the epoch in digits, and 32 bytes that tell which token it is.
    if string.sub(entry, 9, -33) == ARGV[1] and entry ~= ARGV[2] then
      table.insert(live, entry)
    end
  end
  local excess = #live + 1 - tonumber(ARGV[6])
  if excess > #live or (excess > 0 and ARGV[7] == 'refuse') then
    return {'full'}
  elseif excess > 0 then
    -- By creation.
    table.sort(live)
    return {'evict', unpack(live, 1, math.min(excess, 1000))}
  end
end

redis.call('ZADD', KEYS[2], ARGV[3], ARGV[2])
if ARGV[5] == '1' then
  redis.call('HSET', KEYS[1], 'last_login', ARGV[4])
end
return {'done'}
