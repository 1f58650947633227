-- Ends a lease now. KEYS: lease, all instances. ARGV: instance.
redis.call('DEL', KEYS[1])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
return redis.call('ZADD', KEYS[2], 'XX', string.format('%.0f', now), ARGV[1])
