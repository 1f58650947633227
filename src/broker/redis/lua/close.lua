-- Closes a room; the last entry of its log says so.
-- KEYS: meta, log, folds. ARGV: …, history.
local said = redis.call('HMGET', meta, 'head', 'title', 'closed', 'folds')
folded = said[4]
if said[3] or (not said[1] and not said[2]) then
  return 0
end
local position, failure = add('room_closed', '', ARGV[4])
if not position then
  return failure
end
seal()
redis.call('HSET', meta, 'closed', '1')
return 1
