-- Lets people into a private room, and makes it if it is to be made.
-- KEYS: those of the log, people, untold, gone. ARGV: …, history, title (if it is to be
-- made), 'make' or '', 'direct' or '', how many people a room has at most, id of
-- who lets them in, what this admission is called, and of each who is let in: id,
-- user, fields of the entry that says so. Returns what became of it, the title, the
-- ids of the new ones, and of all who are let in what the admission is called that
-- they may not know of.
local people, untold, gone = KEYS[4], KEYS[5], KEYS[6]
local history, title, makes, direct = ARGV[4], ARGV[5], ARGV[6] == 'make', ARGV[7] == 'direct'
local most, by, admission, first = tonumber(ARGV[8]), ARGV[9], ARGV[10], 11
local said = redis.call('HMGET', meta, 'head', 'title', 'closed', 'folds')
folded = said[4]
local exists = said[1] or said[2]
local may_be = makes
if exists then
  may_be = not said[3]
    and (makes and direct or redis.call('HEXISTS', people, by) == 1)
elseif makes then
  may_be = redis.call('EXISTS', gone) == 0
end
if not may_be then
  return {'no_such_room', '', {}, {}}
end
-- Whoever makes what is there asks again for what they made.
local lets_in = not (exists and makes) or direct
local added, count = {}, redis.call('HLEN', people)
for i = first, #ARGV, 3 do
  if lets_in and redis.call('HEXISTS', people, ARGV[i]) == 0 then
    added[#added + 1] = i
  end
end
if count + #added > most then
  return {'full', '', {}, {}}
end
if not exists then
  redis.call('DEL', people, untold)
  redis.call('HSET', meta, 'title', title)
end
local ids, unaware = {}, {}
for _, i in ipairs(added) do
  ids[#ids + 1] = ARGV[i]
  redis.call('HSET', untold, ARGV[i], admission)
end
for i = first, #ARGV, 3 do
  if lets_in then
    redis.call('HSET', people, ARGV[i], ARGV[i + 1])
  end
  unaware[#unaware + 1] = redis.call('HGET', untold, ARGV[i]) or ''
end
for _, i in ipairs(added) do
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
redis.call('PEXPIRE', untold, ttl + 86400000)
return {'ok', said[2] or (not exists and title) or '', ids, unaware}
