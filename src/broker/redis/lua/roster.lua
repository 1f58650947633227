-- What every script on a room's presence begins with.
-- KEYS: users, holders, polls, grace, version. ARGV: channel, time to live.
--   users    user id -> the user as JSON, while others see the user
--   holders  user id -> how many instances and polling clients hold a seat
--   polls    "<connection> <user id>" by deadline
--   grace    user id by deadline: nobody holds a seat, nobody is told yet
local users, holders, polls, grace, version = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local channel, ttl = ARGV[1], ARGV[2]

local function digits(number)
  return string.format('%.0f', number)
end

local function now()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- Counts the version up and tells what changed. The first version is the time
-- of day, so that a roster made anew never repeats one.
local function change(joined, left)
  if #joined == 0 and #left == 0 then
    return
  end
  redis.call('SET', version, digits(now()), 'NX')
  local number = redis.call('INCR', version)
  redis.call('PUBLISH', channel, 'p1 {"version":' .. digits(number)
    .. ',"joined":[' .. table.concat(joined, ',')
    .. '],"left":[' .. table.concat(left, ',')
    .. '],"count":' .. digits(redis.call('HLEN', users)) .. '}')
end

local function touch()
  for i = 1, #KEYS do
    redis.call('PEXPIRE', KEYS[i], ttl)
  end
end

local function hold(id)
  redis.call('HINCRBY', holders, id, 1)
end

local function let_go(id)
  if redis.call('HINCRBY', holders, id, -1) <= 0 then
    redis.call('HDEL', holders, id)
  end
end

-- Whether others see the user although nothing holds a seat.
local function is_adrift(id)
  return redis.call('HEXISTS', holders, id) == 0 and redis.call('HEXISTS', users, id) == 1
end

-- Takes the user off the roster; returns who that was.
local function remove(id)
  local user = redis.call('HGET', users, id)
  redis.call('HDEL', users, id)
  redis.call('ZREM', grace, id)
  return user
end

-- When somebody's time is over next; '0' if nobody's is running.
local function next_due()
  local due = nil
  for _, key in ipairs({polls, grace}) do
    local first = redis.call('ZRANGE', key, 0, 0, 'WITHSCORES')
    if first[2] and (not due or tonumber(first[2]) < due) then
      due = tonumber(first[2])
    end
  end
  return due and digits(due) or '0'
end
