-- What every script on a room's log begins with.
-- KEYS: meta, log, folds. ARGV: the server id the link knows, channel, time to
-- live.
local meta, log, folds = KEYS[1], KEYS[2], KEYS[3]
local known, channel, ttl = ARGV[1], ARGV[2], tonumber(ARGV[3])

local function digits(number)
  return string.format('%.0f', number)
end

-- Milliseconds since 1970, by the only clock that all instances share.
local function now()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

local function parts(position)
  local epoch, seq = string.match(position, '^(%d+)-(%d+)$')
  return tonumber(epoch), tonumber(seq)
end

-- The id of this server's history, by its own word: it is another one after a
-- restart and after a promotion.
local function server()
  return string.match(redis.call('INFO', 'replication'), 'master_replid:(%x+)') or 'unknown'
end

-- The position of the last entry that exists.
local function last()
  local entry = redis.call('XREVRANGE', log, '+', '-', 'COUNT', 1)[1]
  return entry and entry[1] or '0-0'
end

-- Whether `folds` has something (see fold.lua). Meta says so; whoever reads meta
-- anyway sets this, so that a room in which nothing was changed costs nothing
-- more. Nil while nobody has looked.
local folded

-- Meta outlives the log by a day, so that a log that expired is noticed. So does
-- what became of its messages: no text that was taken back is to show again.
local function touch()
  redis.call('PEXPIRE', log, ttl)
  redis.call('PEXPIRE', meta, ttl + 86400000)
  if folded == nil then
    folded = redis.call('HGET', meta, 'folds')
  end
  if folded then
    redis.call('PEXPIRE', folds, ttl + 86400000)
  end
end

local function tell(position, at, kind, prev, fields)
  redis.call('PUBLISH', channel,
    'e1 ' .. position .. ' ' .. digits(at) .. ' ' .. kind .. ' ' .. prev .. ' ' .. fields)
end

local function open_epoch(head)
  local at, prev = now(), last()
  local old = math.max((parts(head or '0-0')), (parts(prev)))
  local epoch = math.max(at, old + 1)
  local marker = digits(epoch) .. '-0'
  local left = redis.call('PTTL', meta)
  redis.call('XADD', log, marker, 'k', 'epoch', 'a', digits(at), 'p', prev, 'f', '')
  redis.call('HSET', meta, 'head', marker, 'server', server())
  if redis.call('EXISTS', folds) == 1 then
    -- Meta may have been lost, and this with it.
    redis.call('HSET', meta, 'folds', '1')
    folded = '1'
  end
  if left > 0 then
    redis.call('PEXPIRE', log, left)
  else
    touch()
  end
  tell(marker, at, 'epoch', prev, '')
  return marker
end

-- The head, after making sure that the log still is what meta says it is. If
-- entries may have been lost, an epoch is opened. An absent room stays absent.
local function settle()
  local said = redis.call('HMGET', meta, 'head', 'server', 'folds')
  local head, id = said[1], said[2]
  folded = said[3]
  local newest = last()
  if not head and newest == '0-0' then
    return '0-0'
  end
  if head == newest and (id == known or id == server()) then
    return head
  end
  return open_epoch(head)
end

-- Where the log ends, once that is known to this call, and whether meta has yet
-- to say so.
local epoch, seq, unsealed

-- Where the room stands, also in the midst of appending.
local function head_now()
  return epoch and digits(epoch) .. '-' .. digits(seq) or settle()
end

-- Puts an entry at the end of the log. Returns its position and time, or an
-- error of the server. As long as meta's word is good, the position is known
-- without looking: XADD itself refuses it if the log has gone beyond it, and
-- returns nothing if the log is missing. Whoever adds must seal in the end.
local time
local function add(kind, fields, history)
  time = time or now()
  local at = digits(time)
  if not epoch then
    local said = redis.call('HMGET', meta, 'head', 'server')
    if said[1] and said[2] == known then
      epoch, seq = parts(said[1])
    end
  end
  local position
  if epoch then
    position = digits(epoch) .. '-' .. digits(seq + 1)
    local added = redis.pcall('XADD', log, 'NOMKSTREAM', 'MAXLEN', '~', history, position,
      'k', kind, 'a', at, 'f', fields)
    if not added then
      position = nil
    elseif type(added) == 'table' and added.err then
      if not string.find(added.err, 'equal or smaller', 1, true) then
        return nil, added
      end
      position = nil
    end
  end
  if not position then
    local head = settle()
    if head == '0-0' then
      head = open_epoch(nil)
    end
    epoch, seq = parts(head)
    position = digits(epoch) .. '-' .. digits(seq + 1)
    redis.call('XADD', log, 'MAXLEN', '~', history, position,
      'k', kind, 'a', at, 'f', fields)
  end
  seq, unsealed = seq + 1, true
  tell(position, time, kind, '-', fields)
  return position, at
end

-- Writes down where the log ends now.
local function seal()
  if unsealed then
    redis.call('HSET', meta, 'head', digits(epoch) .. '-' .. digits(seq))
    touch()
  end
end
