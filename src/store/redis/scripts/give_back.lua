-- Gives back one of each of the limits.
-- KEYS: the limits
-- ARGV: for each, the microseconds for one of them if it is a quota; 0 if it is a delay

for i, key in ipairs(KEYS) do
  local known = redis.call('HMGET', key, 'level', 'until', 'forget')
  if known[3] then
    local every = tonumber(ARGV[i])
    if every > 0 then
      redis.call('HSET', key, 'until', string.format('%.0f', known[2] - every),
        'forget', string.format('%.0f', known[3] - every))
    else
      redis.call('HSET', key, 'level', math.max(known[1] - 1, 0), 'until', 0)
    end
  end
end
