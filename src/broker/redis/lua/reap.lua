-- Lets go of those whose time is over, some at a time. A poll seat has had its
-- grace in its deadline: who loses the last one is gone at once.
-- ARGV: …, how many. Returns when somebody's time is over next.
local time, left = digits(now()), {}
local function due(key)
  return redis.call('ZRANGEBYSCORE', key, '-inf', time, 'LIMIT', 0, ARGV[3])
end
for _, seat in ipairs(due(polls)) do
  local space = string.find(seat, ' ', 1, true)
  local id = string.sub(seat, space + 1)
  redis.call('ZREM', polls, seat)
  let_go(id)
  if is_adrift(id) and not redis.call('ZSCORE', grace, id) then
    left[#left + 1] = remove(id)
  end
end
for _, id in ipairs(due(grace)) do
  redis.call('ZREM', grace, id)
  if is_adrift(id) then
    left[#left + 1] = remove(id)
  end
end
change({}, left)
return next_due()
