-- Reads a page of a sorted set whose members are digits, all of one length.
-- KEYS: the set
-- ARGV: the score and the member after which it begins, how many, the direction ('up' or 'down')
-- Returns members and scores, by turns.

local low = redis.call('ZCOUNT', KEYS[1], '-inf', '(' .. ARGV[1])
local high = redis.call('ZCOUNT', KEYS[1], '-inf', ARGV[1])
local is_there = false
while low < high do
  local middle = math.floor((low + high) / 2)
  local member = redis.call('ZRANGE', KEYS[1], middle, middle)[1]
  is_there = is_there or member == ARGV[2]
  if member <= ARGV[2] then
    low = middle + 1
  else
    high = middle
  end
end

local count = tonumber(ARGV[3])
if ARGV[4] == 'up' then
  return redis.call('ZRANGE', KEYS[1], low, low + count - 1, 'WITHSCORES')
end
local last = redis.call('ZCARD', KEYS[1]) - low + (is_there and 1 or 0)
return redis.call('ZREVRANGE', KEYS[1], last, last + count - 1, 'WITHSCORES')
