-- Gives back one of each of the limits.
-- KEYS: the limits
-- ARGV: two for each: "quota", microseconds for one of them; or "delay", how many are free

for i, key in ipairs(KEYS) do
  local known = redis.call('HMGET', key, 'level', 'until', 'forget')
  if known[3] then
    local by = tonumber(ARGV[2 * i])
    if ARGV[2 * i - 1] == 'quota' then
      redis.call('HSET', key, 'until', string.format('%.0f', known[2] - by),
        'forget', string.format('%.0f', known[3] - by))
    else
      local level = math.max(known[1] - 1, 0)
      redis.call('HSET', key, 'level', level)
      if level < by then
        redis.call('HSET', key, 'until', 0)
      end
    end
  end
end
