-- Appends entries in their order: dedupe, position, storage and news of each
-- are one step, and one that fails leaves the others alone.
-- KEYS: meta, log, and the send key of each entry that has one.
-- ARGV: …, history, dedupe window, and of each entry: kind, fields, digest,
-- may create, has a send key.
local history, window = ARGV[4], ARGV[5]
local said = redis.call('HMGET', meta, 'head', 'title', 'closed')
local absent, closed = not said[1] and not said[2], said[3]

local function append(kind, fields, digest, may_create, key)
  if key then
    local seen = redis.call('GET', key)
    if seen then
      local position, at, body = string.match(seen, '^(%S+) (%S+) (%S+)$')
      if body ~= digest then
        return {'key_reused', '', ''}
      end
      return {'seen', position, at}
    end
  end
  if closed or (absent and may_create ~= '1') then
    return {'no_such_room', '', ''}
  end
  local position, at = add(kind, fields, history)
  if not position then
    return {'error', at.err, ''}
  end
  absent = false
  if key then
    redis.call('SET', key, position .. ' ' .. at .. ' ' .. digest, 'PX', window)
  end
  return {'new', position, at}
end

local answers, next_key = {}, 3
for i = 6, #ARGV, 5 do
  local key
  if ARGV[i + 4] == '1' then
    key, next_key = KEYS[next_key], next_key + 1
  end
  local done, answer = pcall(append, ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3], key)
  if not done then
    answer = {'error', type(answer) == 'table' and answer.err or tostring(answer), ''}
  end
  answers[#answers + 1] = answer
end
seal()
return answers
