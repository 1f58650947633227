-- Appends an entry: dedupe, position, storage and news in one step.
-- KEYS: meta, log, send key (if any).
-- ARGV: …, history, kind, fields, may create, digest, dedupe window.
local history, kind, fields, may_create = ARGV[4], ARGV[5], ARGV[6], ARGV[7]
local digest, window = ARGV[8], ARGV[9]

if KEYS[3] then
  local seen = redis.call('GET', KEYS[3])
  if seen then
    local position, at, body = string.match(seen, '^(%S+) (%S+) (%S+)$')
    if body ~= digest then
      return {'key_reused', '', ''}
    end
    return {'seen', position, at}
  end
end

local said = redis.call('HMGET', meta, 'head', 'title', 'closed')
local absent = not said[1] and not said[2]
if said[3] or (absent and may_create ~= '1') then
  return {'no_such_room', '', ''}
end

local position, at = add(kind, fields, history)
if not position then
  return at
end
if KEYS[3] then
  redis.call('SET', KEYS[3], position .. ' ' .. at .. ' ' .. digest, 'PX', window)
end
return {'new', position, at}
