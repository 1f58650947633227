-- A part of a room's log, and how the messages in it look now. KEYS: meta, log,
-- folds. ARGV: …, direction, position (may be empty), limit, most bytes of
-- entries that are looked at, and of looks.
-- Returns the head, the entries, whether there is more, and for each entry its
-- line of `folds`, if any of the room has one.
local direction, position, limit = ARGV[4], ARGV[5], tonumber(ARGV[6])
local most = tonumber(ARGV[7])
-- Entries that only changed a message are no part of the past. So many are passed
-- over at most.
local CHANGES, LOOKED_AT = {edited = true, deleted = true, reacted = true}, 2000
-- So many entries, or looks, are taken at first. How many more at a time depends
-- on how large they are: whatever is taken is copied.
local AT_FIRST, AT_ONCE = 16, 200
local head = settle()
if limit == 0 then
  return {head, {}, 0, {}}
end

-- The newest entries first, and whether there may be older ones.
local function before()
  local last, count = position == '' and '+' or '(' .. position, math.min(limit + 1, AT_FIRST)
  local found, looked_at, bytes = {}, 0, 0
  while true do
    local some = redis.call('XREVRANGE', log, last, '-', 'COUNT', count)
    for i, entry in ipairs(some) do
      local kind, fields = entry[2][2], entry[2][6]
      if not (folded and CHANGES[kind]) then
        found[#found + 1] = entry
      end
      looked_at, bytes = looked_at + 1, bytes + (fields and #fields or 0)
      local is_last = i == #some and #some < count
      if #found > limit or is_last then
        return found, #found > limit
      elseif looked_at > LOOKED_AT + limit or bytes >= most then
        -- So that whoever reads has a place to go on from.
        return #found > 0 and found or {entry}, true
      end
    end
    if #some == 0 then
      return found, false
    end
    last = '(' .. some[#some][1]
    local rest = folded and AT_ONCE or limit + 1 - #found
    count = math.max(1, math.min(rest, AT_ONCE, math.floor((most - bytes) * looked_at / bytes)))
  end
end

-- The oldest entries first, and whether there are later ones. A single one may be
-- larger than all that is looked at.
local function after()
  local first, count = '(' .. position, math.min(limit + 1, AT_FIRST)
  local found, bytes = {}, 0
  while true do
    local some = redis.call('XRANGE', log, first, '+', 'COUNT', count)
    for _, entry in ipairs(some) do
      bytes = bytes + #(entry[2][6] or '')
      if #found == limit or (bytes > most and #found > 0) then
        return found, true
      end
      found[#found + 1] = entry
    end
    if #some < count then
      return found, false
    end
    first = '(' .. some[#some][1]
    local fitting = math.floor((most - bytes) * #found / math.max(bytes, 1))
    count = math.max(1, math.min(limit + 1 - #found, AT_ONCE, fitting))
  end
end

local found, more
if direction == 'after' then
  found, more = after()
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
local looks, bytes = {}, 0
for from = 1, #messages, AT_FIRST do
  local to = math.min(from + AT_FIRST - 1, #messages)
  local some = redis.call('HMGET', folds, unpack(messages, from, to))
  for i = from, to do
    local look = some[i - from + 1]
    bytes = bytes + (look and #look or 0)
    if bytes > most and i > 1 then
      for j = #found, i, -1 do
        found[j] = nil
      end
      return {head, found, 1, looks}
    end
    looks[i] = look
  end
end
return {head, found, more and 1 or 0, looks}
