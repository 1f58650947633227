-- What a room is. KEYS: meta, log, folds. ARGV: as in room.lua.
local head = settle()
local said = redis.call('HMGET', meta, 'head', 'title', 'closed')
local state = 'open'
if said[3] then
  state = 'closed'
elseif not said[1] and not said[2] then
  state = 'absent'
end
return {head, said[2] or '', state}
