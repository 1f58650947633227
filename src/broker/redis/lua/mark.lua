-- Notes how far somebody has read, if it is further than before. Of more rooms
-- than are kept, those marked longest ago are forgotten, some at a time.
-- KEYS: marks. ARGV: room, position, how many rooms are kept, for how many ms.
local marks, room, most = KEYS[1], ARGV[1], tonumber(ARGV[3])

-- Digit by digit: the numbers may be larger than a double holds.
local function above(left, right)
  if #left ~= #right then
    return #left > #right
  end
  return left > right
end

local epoch, seq = string.match(ARGV[2], '^(%d+)-(%d+)$')
local old_epoch, old_seq = string.match(redis.call('HGET', marks, room) or '', '^(%d+)-(%d+) ')
if old_epoch and not above(epoch, old_epoch)
  and not (epoch == old_epoch and above(seq, old_seq)) then
  return 0
end
local time = redis.call('TIME')
redis.call('HSET', marks, room, ARGV[2] .. ' ' .. time[1])
redis.call('PEXPIRE', marks, ARGV[4])
if redis.call('HLEN', marks) > most then
  local all, ages = redis.call('HGETALL', marks), {}
  for i = 1, #all, 2 do
    ages[#ages + 1] = {all[i], tonumber(string.match(all[i + 1], ' (%d+)$')) or 0}
  end
  table.sort(ages, function(left, right) return left[2] < right[2] end)
  for i = 1, math.min(#ages, 1 + math.floor(most / 20)) do
    if ages[i][1] ~= room then
      redis.call('HDEL', marks, ages[i][1])
    end
  end
end
return 1
