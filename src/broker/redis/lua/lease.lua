-- A sign of life. Returns 0 if the lease was gone, unless it is a new one.
-- KEYS: lease, all instances. ARGV: instance, lease in ms, '1' if new.
if ARGV[3] ~= '1' and redis.call('EXISTS', KEYS[1]) == 0 then
  return 0
end
local time = redis.call('TIME')
local ends = time[1] * 1000 + math.floor(time[2] / 1000) + tonumber(ARGV[2])
redis.call('SET', KEYS[1], '1', 'PX', ARGV[2])
redis.call('ZADD', KEYS[2], string.format('%.0f', ends), ARGV[1])
redis.call('PEXPIRE', KEYS[2], 86400000)
return 1
