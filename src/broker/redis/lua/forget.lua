-- Takes somebody out of a private room. With the last one the room goes.
-- KEYS: those of the log, people, untold, gone. ARGV: …, history, user id, fields of
-- the entry that says so, how long it is remembered that the room is gone (0: not
-- at all).
local people, untold, gone = KEYS[4], KEYS[5], KEYS[6]
if redis.call('HDEL', people, ARGV[5]) == 0 then
  return 0
end
redis.call('HDEL', untold, ARGV[5])
if redis.call('EXISTS', people) == 0 then
  redis.call('UNLINK', unpack(KEYS))
  if ARGV[7] ~= '0' then
    redis.call('SET', gone, '1', 'PX', ARGV[7])
  end
elseif not redis.call('HGET', meta, 'closed') and redis.call('EXISTS', meta) == 1 then
  folded = redis.call('HGET', meta, 'folds')
  local position, failure = add('departed', ARGV[6], ARGV[4])
  if not position then
    return failure
  end
  seal()
  -- Who is in it is known for longer than what was said in it.
  redis.call('PEXPIRE', people, ttl + 86400000)
end
return 1
