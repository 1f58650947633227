-- Remembers a polling client, unless a later turn of it is remembered already.
-- KEYS: poller. ARGV: turn, poller, period.
local seen = redis.call('GET', KEYS[1])
local turn = seen and tonumber(string.match(seen, '^(%d+) '))
if turn and turn > tonumber(ARGV[1]) then
  return 0
end
redis.call('SET', KEYS[1], ARGV[1] .. ' ' .. ARGV[2], 'PX', ARGV[3])
return 1
