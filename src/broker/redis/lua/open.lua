-- Creates a room or opens a closed one. Returns the time if it did, else 0.
-- KEYS: meta, log, folds. ARGV: …, title.
local said = redis.call('HMGET', meta, 'head', 'title', 'closed', 'folds')
folded = said[4]
if (said[1] or said[2]) and not said[3] then
  return '0'
end
redis.call('HSET', meta, 'title', ARGV[4])
redis.call('HDEL', meta, 'closed')
touch()
return digits(now())
