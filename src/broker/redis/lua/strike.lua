-- Strikes rooms off a user's list, unless they were put on it again meanwhile.
-- KEYS: rooms of the user. ARGV: of each: room, when it was put there.
for i = 1, #ARGV, 2 do
  if redis.call('ZSCORE', KEYS[1], ARGV[i]) == ARGV[i + 1] then
    redis.call('ZREM', KEYS[1], ARGV[i])
  end
end
return 1
