-- Appends entries in their order: dedupe, position, storage and news of each
-- are one step, and one that fails leaves the others alone.
-- KEYS: meta, log, folds, and the send key of each entry that has one.
-- ARGV: …, history, dedupe window, and of each entry: kind, fields, digest,
-- may create, and what else there is: '0' nothing, '1' a send key, '2' a send key
-- and a change of a message. That is: which message, how its author's JSON begins,
-- the author as JSON, the new text as fields or the emoji as JSON, whether it is on.
local history, window = ARGV[4], ARGV[5]
local said = redis.call('HMGET', meta, 'head', 'title', 'closed', 'folds')
local absent, closed = not said[1] and not said[2], said[3]
folded = said[4]

-- Another build may form its digests otherwise, and then says so (see digest.rs).
local function form_of(digest)
  return string.match(digest, '^([^:]*):') or ''
end

local function append(kind, fields, digest, may_create, key, change)
  if key then
    local seen = redis.call('GET', key)
    if seen then
      local position, at, body = string.match(seen, '^(%S+) (%S+) (%S+)$')
      if body ~= digest and form_of(body) == form_of(digest) then
        return {'key_reused', '', ''}
      end
      return {'seen', position, at}
    end
  end
  if closed or (absent and may_create ~= '1' and not change) then
    return {'no_such_room', '', ''}
  end
  local text, reactions
  if change then
    text, reactions = change_of(kind, change)
    if not text then
      if reactions == 'same' then
        return {'seen', head_now(), digits(now())}
      end
      return {reactions, '', ''}
    end
  end
  local position, at = add(kind, fields, history)
  if not position then
    return {'error', at.err, ''}
  end
  absent = false
  if change then
    if kind == 'edited' then
      text = text .. ',"edited":' .. at
    end
    keep(change.target, position, text, reactions)
  end
  if key then
    redis.call('SET', key, position .. ' ' .. at .. ' ' .. digest, 'PX', window)
  end
  return {'new', position, at}
end

local answers, next_key, i = {}, 4, 6
while i <= #ARGV do
  local key, change
  local size = 5
  if ARGV[i + 4] ~= '0' then
    key, next_key = KEYS[next_key], next_key + 1
  end
  if ARGV[i + 4] == '2' then
    change = {target = ARGV[i + 5], mark = ARGV[i + 6], by = ARGV[i + 7],
      what = ARGV[i + 8], on = ARGV[i + 9] == '1'}
    size = 10
  end
  local done, answer =
    pcall(append, ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3], key, change)
  if not done then
    answer = {'error', type(answer) == 'table' and answer.err or tostring(answer), ''}
  end
  answers[#answers + 1] = answer
  i = i + size
end
seal()
return answers
