-- A part of a room's log. KEYS: meta, log.
-- ARGV: …, direction, position (may be empty), limit.
local direction, position, limit = ARGV[4], ARGV[5], tonumber(ARGV[6])
local head = settle()
if limit == 0 then
  return {head, {}, 0}
end
local found
if direction == 'after' then
  found = redis.call('XRANGE', log, '(' .. position, '+', 'COUNT', limit + 1)
elseif position == '' then
  found = redis.call('XREVRANGE', log, '+', '-', 'COUNT', limit + 1)
else
  found = redis.call('XREVRANGE', log, '(' .. position, '-', 'COUNT', limit + 1)
end
local more = 0
if #found > limit then
  table.remove(found)
  more = 1
end
return {head, found, more}
