-- A part of a room's log, and how the messages in it look now. KEYS: meta, log,
-- folds. ARGV: …, direction, position (may be empty), limit, most bytes of looks.
-- Returns the head, the entries, whether there is more, and for each entry its
-- line of `folds`, if any of the room has one.
local direction, position, limit = ARGV[4], ARGV[5], tonumber(ARGV[6])
-- Entries that only changed a message are no part of the past. So many are passed
-- over at most.
local CHANGES, LOOKED_AT = {edited = true, deleted = true, reacted = true}, 2000
local head = settle()
if limit == 0 then
  return {head, {}, 0, {}}
end

-- The newest entries first, and whether there may be older ones.
local function before()
  local last, count = position == '' and '+' or '(' .. position, limit + 1
  local looked_at, found = 0, {}
  while true do
    local some = redis.call('XREVRANGE', log, last, '-', 'COUNT', count)
    if not folded then
      return some, #some > limit
    end
    for _, entry in ipairs(some) do
      if #found == limit + 1 then
        break
      elseif not CHANGES[entry[2][2]] then
        found[#found + 1] = entry
      end
    end
    looked_at = looked_at + #some
    if #found > limit or #some < count then
      return found, #found > limit
    end
    if looked_at > LOOKED_AT + limit then
      -- So that whoever reads has a place to go on from.
      return #found > 0 and found or {some[#some]}, true
    end
    last, count = '(' .. some[#some][1], 200
  end
end

local found, more
if direction == 'after' then
  found = redis.call('XRANGE', log, '(' .. position, '+', 'COUNT', limit + 1)
  more = #found > limit
else
  found, more = before()
end
if #found > limit then
  table.remove(found)
end
if not folded or #found == 0 then
  return {head, found, more and 1 or 0, {}}
end

-- The look of an edit is that of its message.
local messages = {}
for i, entry in ipairs(found) do
  local fields = entry[2]
  messages[i] = fields[2] == 'edited' and string.match(fields[6], '"target":"(%d+%-%d+)"')
    or entry[1]
end
local looks = redis.call('HMGET', folds, unpack(messages))
local bytes = 0
for i = 1, #found do
  bytes = bytes + (looks[i] and #looks[i] or 0)
  if bytes > tonumber(ARGV[7]) and i > 1 then
    more = true
    for j = #found, i, -1 do
      found[j], looks[j] = nil, nil
    end
    break
  end
end
return {head, found, more and 1 or 0, looks}
