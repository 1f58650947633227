-- Lets people into a private room, and makes it if it is to be made.
-- KEYS: those of the log, people. ARGV: …, history, title (if it is to be made),
-- 'make' or '', 'direct' or '', how many people a room has at most, id of who
-- lets them in, and of each who is let in: id, user, fields of the entry that
-- says so. Returns what became of it, the title, and the ids of the new ones.
local people = KEYS[#KEYS]
local history, title, makes, direct = ARGV[4], ARGV[5], ARGV[6] == 'make', ARGV[7] == 'direct'
local most, by = tonumber(ARGV[8]), ARGV[9]
local said = redis.call('HMGET', meta, 'head', 'title', 'closed', 'folds')
folded = said[4]
local exists = said[1] or said[2]
local may_be = makes
if exists then
  may_be = not said[3]
    and (makes and direct or not makes and redis.call('HEXISTS', people, by) == 1)
end
if not may_be then
  return {'no_such_room', '', {}}
end
local added, count = {}, redis.call('HLEN', people)
for i = 10, #ARGV, 3 do
  if redis.call('HEXISTS', people, ARGV[i]) == 0 then
    added[#added + 1] = i
  end
end
if count + #added > most then
  return {'full', '', {}}
end
if not exists then
  redis.call('DEL', people)
  redis.call('HSET', meta, 'title', title)
end
for i = 10, #ARGV, 3 do
  redis.call('HSET', people, ARGV[i], ARGV[i + 1])
end
local ids = {}
for _, i in ipairs(added) do
  ids[#ids + 1] = ARGV[i]
  if exists or (not direct and ARGV[i] ~= by) then
    local position, failure = add('invited', ARGV[i + 2], history)
    if not position then
      return failure
    end
  end
end
seal()
touch()
redis.call('PEXPIRE', people, ttl + 86400000)
return {'ok', said[2] or (not exists and title) or '', ids}
