-- What becomes of a message that is changed after it was said. The log keeps what
-- was said; for each changed message, `folds` has a line of three parts, with a
-- line break between them:
--   the last entry that changed it
--   its text: '' as it was said, 'deleted', or the fields that say it now
--   its reactions: JSON objects with a comma between them
-- JSON writes a line break as \n, and within a string no quote without a
-- backslash, so that all of it is found by plain search.
local MOST_EMOJI, MOST_USERS, MOST_BYTES = 20, 100, 16384
-- How many lines are looked at, per change, whether they are still of use.
local TIDIED = 4

-- What the message at a position says; none if there is no such message.
local function said_at(target)
  local entry = redis.call('XRANGE', log, target, target)[1]
  local kind, said
  for i = 1, entry and #entry[2] or 0, 2 do
    if entry[2][i] == 'k' then
      kind = entry[2][i + 1]
    elseif entry[2][i] == 'f' then
      said = entry[2][i + 1]
    end
  end
  return kind == 'message' and said or nil
end

local function fold_of(target)
  local line = folded and redis.call('HGET', folds, target)
  if not line then
    return '', ''
  end
  return string.match(line, '^[^\n]*\n([^\n]*)\n(.*)$')
end

local function count(text, what)
  return select(2, string.gsub(text, what, ''))
end

-- The reactions after one was set or unset; or none, and why.
local function react(reactions, change)
  local head = '{"emoji":' .. change.what .. ',"users":['
  local from, to = string.find(reactions, head, 1, true)
  if not from then
    if not change.on then
      return nil, 'same'
    end
    if count(reactions, '{"emoji":"') >= MOST_EMOJI then
      return nil, 'too_many_reactions'
    end
    local comma = reactions == '' and '' or ','
    return reactions .. comma .. head .. change.by .. ']}'
  end
  local close = string.find(reactions, ']},{"emoji":"', to, true) or #reactions - 1
  local users = string.sub(reactions, to + 1, close - 1)
  local at = string.find(users, change.mark, 1, true)
  if (at ~= nil) == change.on then
    return nil, 'same'
  end
  if change.on then
    if count(users, '{"id":"') >= MOST_USERS then
      return nil, 'too_many_reactions'
    end
    users = users .. ',' .. change.by
  else
    local later = string.find(users, ',{"id":"', at, true)
    if later then
      users = string.sub(users, 1, at - 1) .. string.sub(users, later + 1)
    else
      users = string.sub(users, 1, math.max(at - 2, 0))
    end
  end
  if users ~= '' then
    return string.sub(reactions, 1, to) .. users .. string.sub(reactions, close)
  end
  -- Nobody is left of it: it goes, with the comma on one side of it.
  if from == 1 then
    return string.sub(reactions, close + 3)
  end
  return string.sub(reactions, 1, from - 2) .. string.sub(reactions, close + 2)
end

-- The text and the reactions of a message after a change; or none, and why. A
-- change that makes no difference is the 'same'.
local function change_of(kind, change)
  local said = said_at(change.target)
  if not said then
    return nil, 'no_such_message'
  end
  if kind ~= 'reacted' and not string.find(said, '"from":' .. change.mark, 1, true) then
    return nil, 'not_yours'
  end
  local text, reactions = fold_of(change.target)
  if text == 'deleted' then
    local is_same = kind == 'deleted' or (kind == 'reacted' and not change.on)
    return nil, is_same and 'same' or 'deleted'
  end
  if kind == 'edited' then
    return change.what, reactions
  elseif kind == 'deleted' then
    return 'deleted', ''
  end
  local after, why = react(reactions, change)
  if not after then
    return nil, why
  elseif #after > math.max(MOST_BYTES, #reactions) then
    return nil, 'too_many_reactions'
  end
  return text, after
end

-- Lets go of a few lines of no more use: no entry that had to do with the
-- message is in the log.
local function tidy()
  local oldest = redis.call('XRANGE', log, '-', '+', 'COUNT', 1)[1]
  local epoch, seq = parts(oldest[1])
  local function has_gone(position)
    local of, at = parts(position)
    return of < epoch or (of == epoch and at < seq)
  end
  for _, target in ipairs(redis.call('HRANDFIELD', folds, TIDIED)) do
    if has_gone(target) then
      local line = redis.call('HGET', folds, target)
      if has_gone(string.match(line, '^[^\n]*')) then
        redis.call('HDEL', folds, target)
      end
    end
  end
end

-- Keeps what the entry at a position made of a message.
local function keep(target, position, text, reactions)
  if text == '' and reactions == '' then
    redis.call('HDEL', folds, target)
    return
  end
  if not folded then
    redis.call('HSET', meta, 'folds', '1')
    folded = '1'
  end
  redis.call('HSET', folds, target, position .. '\n' .. text .. '\n' .. reactions)
  tidy()
end
