-- Notes that people know where they were let in, unless they were let in anew since.
-- KEYS: untold. ARGV: of each: id of the user, what their letting in is called.
for i = 1, #ARGV, 2 do
  if redis.call('HGET', KEYS[1], ARGV[i]) == ARGV[i + 1] then
    redis.call('HDEL', KEYS[1], ARGV[i])
  end
end
return 1
