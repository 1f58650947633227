-- Makes a room that is on a user's list one of their own: such stand there with
-- the time they came, others with that time below zero.
-- KEYS: rooms of the user. ARGV: room.
local since = tonumber(redis.call('ZSCORE', KEYS[1], ARGV[1]) or 0)
if since < 0 then
  redis.call('ZADD', KEYS[1], string.format('%.0f', -since), ARGV[1])
end
return 1
