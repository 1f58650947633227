-- Takes rooms that are due. They come up again soon unless they are settled,
-- so nothing is lost with whoever took them.
-- KEYS: due rooms, their turns. ARGV: how many, again after so many ms.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local again = string.format('%.0f', now + tonumber(ARGV[2]))
local taken = {}
for _, room in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', now),
    'LIMIT', 0, ARGV[1])) do
  redis.call('ZADD', KEYS[1], again, room)
  local turn = redis.call('HGET', KEYS[2], room)
  if not turn then
    turn = '0'
    redis.call('HSET', KEYS[2], room, turn)
  end
  taken[#taken + 1] = {room, turn}
end
return taken
