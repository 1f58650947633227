-- Puts down when a room is due next; strikes it off if it is not.
-- KEYS: due rooms, their turns. ARGV: room, turn it was taken at, deadline or 0.
if redis.call('HGET', KEYS[2], ARGV[1]) ~= ARGV[2] then
  -- Somebody came after the look: what was seen may be too late, never too early.
  if ARGV[3] ~= '0' then
    redis.call('ZADD', KEYS[1], 'LT', ARGV[3], ARGV[1])
  end
elseif ARGV[3] ~= '0' then
  redis.call('ZADD', KEYS[1], ARGV[3], ARGV[1])
else
  redis.call('ZREM', KEYS[1], ARGV[1])
  redis.call('HDEL', KEYS[2], ARGV[1])
end
return 1
