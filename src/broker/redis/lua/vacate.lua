-- Gives up the seats of an instance that is dead, some at a time.
-- KEYS: …, the users it held. ARGV: …, when it died (0: now), grace period in
-- ms, how many. Returns how many are left to do, and when somebody's time is
-- over.
local died = tonumber(ARGV[3])
if died == 0 then
  died = now()
end
local deadline = digits(died + tonumber(ARGV[4]))
for _, id in ipairs(redis.call('SPOP', KEYS[6], ARGV[5])) do
  let_go(id)
  -- Also while another seat holds: it may end before this grace period is over.
  redis.call('ZADD', grace, 'GT', deadline, id)
end
touch()
return {redis.call('SCARD', KEYS[6]), next_due()}
