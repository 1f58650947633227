-- Takes seats. KEYS: …, the users this instance holds (for its own seats).
-- ARGV: …, connection (empty for seats of the instance), poll deadline in ms,
-- then user id and user of each.
local connection, deadline = ARGV[3], now() + tonumber(ARGV[4])
local joined = {}
for i = 5, #ARGV, 2 do
  local id, user = ARGV[i], ARGV[i + 1]
  local taken
  if connection == '' then
    taken = redis.call('SADD', KEYS[6], id)
  else
    taken = redis.call('ZADD', polls, digits(deadline), connection .. ' ' .. id)
  end
  if taken == 1 then
    hold(id)
  end
  redis.call('ZREM', grace, id)
  if redis.call('HGET', users, id) ~= user then
    redis.call('HSET', users, id, user)
    joined[#joined + 1] = user
  end
end
change(joined, {})
touch()
return {next_due(), tonumber(redis.call('GET', version) or 0), redis.call('HLEN', users)}
