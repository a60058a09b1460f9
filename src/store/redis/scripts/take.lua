-- Takes one of each of the limits, or none of any if one of them has none left.
-- KEYS: the limits
-- ARGV: five for each: "quota", count, microseconds for one of them, 0, 0
--                  or "delay", how many are free, the first wait, the longest, when it is forgotten
--       (spans in microseconds)
-- Returns the number of the limit that has none left, and the microseconds to wait;
-- or 0, what is left of the last limit, and in how many microseconds it is whole again.

local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local taken, left, reset = {}, 0, 0

for i, key in ipairs(KEYS) do
  local kind = ARGV[5 * i - 4]
  local a, b = tonumber(ARGV[5 * i - 3]), tonumber(ARGV[5 * i - 2])
  local c, d = tonumber(ARGV[5 * i - 1]), tonumber(ARGV[5 * i])
  local known = redis.call('HMGET', key, 'level', 'until', 'forget')
  local level, wait_until, forget = 0, now, now
  if known[3] and tonumber(known[3]) > now then
    level, wait_until, forget = tonumber(known[1]), tonumber(known[2]), tonumber(known[3])
  end
  if kind == 'quota' then
    local whole = a * b
    local full = forget
    if full > now + whole then
      -- A future that this limit cannot mean, as after a step of the clock.
      full = now + whole - b
    end
    local wait = full - now - (whole - b)
    if wait > 0 then
      return {i, wait}
    end
    full = full + b
    left, reset = math.floor((now + whole - full) / b), full - now
    taken[i] = {0, full - (whole - b), full}
  else
    wait_until = math.min(wait_until, now + c)
    if wait_until > now then
      return {i, wait_until - now}
    end
    level = level + 1
    local wait = 0
    if level >= a then
      wait = math.min(b * 2 ^ math.min(level - a, 31), c)
    end
    left, reset = math.max(a - level, 0), d
    taken[i] = {level, now + wait, now + d}
  end
end

for i, key in ipairs(KEYS) do
  redis.call('HSET', key, 'level', taken[i][1], 'until', string.format('%.0f', taken[i][2]),
    'forget', string.format('%.0f', taken[i][3]))
  redis.call('PEXPIREAT', key, string.format('%.0f', math.ceil(taken[i][3] / 1000)))
end
return {0, left, reset}
