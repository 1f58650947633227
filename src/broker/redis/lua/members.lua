-- Who is in a room, as one picture: the version, how many, and who. KEYS: users,
-- version. ARGV: how many to name at most, whoever they are ('-1': everybody).
local number, most = redis.call('GET', KEYS[2]) or '0', tonumber(ARGV[1])
local count = redis.call('HLEN', KEYS[1])
if most == 0 then
  return {number, count, {}}
elseif most < 0 or count <= most then
  return {number, count, redis.call('HVALS', KEYS[1])}
end
local users = {}
for i, user in ipairs(redis.call('HRANDFIELD', KEYS[1], most, 'WITHVALUES')) do
  if i % 2 == 0 then
    users[#users + 1] = user
  end
end
return {number, count, users}
