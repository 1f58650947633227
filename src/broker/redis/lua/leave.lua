-- Gives up seats. KEYS: …, the users this instance holds (for its own seats).
-- ARGV: …, connection (empty for seats of the instance), grace period in ms
-- (empty: at once), then the user ids. Returns when somebody's time is over.
local connection, period = ARGV[3], tonumber(ARGV[4])
local left = {}
for i = 5, #ARGV do
  local id = ARGV[i]
  local given_up
  if connection == '' then
    given_up = redis.call('SREM', KEYS[6], id)
  else
    given_up = redis.call('ZREM', polls, connection .. ' ' .. id)
  end
  if given_up == 1 then
    let_go(id)
  end
  if period and given_up == 1 then
    -- Also while a poll seat holds: it may end before this grace period is over.
    redis.call('ZADD', grace, 'GT', digits(now() + period), id)
  elseif is_adrift(id) then
    if period then
      redis.call('ZADD', grace, 'NX', digits(now() + period), id)
    else
      left[#left + 1] = remove(id)
    end
  end
end
change({}, left)
touch()
return next_due()
