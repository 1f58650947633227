-- Has a room looked at when somebody's time is over there.
-- KEYS: due rooms, their turns, last turn. ARGV: room, deadline.
-- The turn tells whoever strikes the room off that somebody came meanwhile.
redis.call('HSET', KEYS[2], ARGV[1], redis.call('INCR', KEYS[3]))
redis.call('ZADD', KEYS[1], 'LT', ARGV[2], ARGV[1])
for i = 1, 3 do
  redis.call('PEXPIRE', KEYS[i], 86400000)
end
return 1
