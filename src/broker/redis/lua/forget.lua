-- Takes somebody out of a private room. With the last one the room goes.
-- KEYS: meta, log, folds, people. ARGV: …, history, user id, fields of the entry that
-- says so.
if redis.call('HDEL', KEYS[4], ARGV[5]) == 0 then
  return 0
end
if redis.call('EXISTS', KEYS[4]) == 0 then
  redis.call('UNLINK', meta, log, folds)
elseif not redis.call('HGET', meta, 'closed') and redis.call('EXISTS', meta) == 1 then
  local position, failure = add('departed', ARGV[6], ARGV[4])
  if not position then
    return failure
  end
  seal()
end
return 1
