-- Holds a name, never for less time than it is held already.
-- KEYS: name. ARGV: user id, for how many ms.
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then
  return 0
end
if holder and redis.call('PTTL', KEYS[1]) >= tonumber(ARGV[2]) then
  return 1
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
