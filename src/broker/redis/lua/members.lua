-- Who is in a room, as one picture. KEYS: users, version. ARGV: '1' for all of
-- them, '0' for their number.
local number = redis.call('GET', KEYS[2]) or '0'
if ARGV[1] == '1' then
  return {number, redis.call('HVALS', KEYS[1])}
end
return {number, redis.call('HLEN', KEYS[1])}
