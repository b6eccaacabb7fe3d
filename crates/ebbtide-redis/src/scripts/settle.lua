-- Settles a delivery, if this consumer still owns it.
-- KEYS: stream, delayed, dead. ARGV: group, consumer, id, count, what, ms, error.
-- Returns 1, or 0 when the delivery is lost.

-- Lua's stack holds 8000, and the fields of Ebbtide are added.
local most = 6000

-- Limits the number of fields of an entry: the rest is packed into one field.
local function packed(fields)
  local kept, rest, payload = {}, {}, nil
  for n = 1, #fields, 2 do
    local name, value = fields[n], fields[n + 1]
    if name == 'payload' then
      -- If a field is repeated, the last one counts.
      payload = value
    else
      local into = #kept < most - 4 and kept or rest
      into[#into + 1] = name
      into[#into + 1] = value
    end
  end
  if payload then
    kept[#kept + 1] = 'payload'
    kept[#kept + 1] = payload
  end
  kept[#kept + 1] = 'ebbtide-rest'
  kept[#kept + 1] = cmsgpack.pack(rest)
  return kept
end

local id = ARGV[3]
local pending = redis.call('XPENDING', KEYS[1], ARGV[1], id, id, 1)[1]
if not pending or pending[2] ~= ARGV[2] or pending[4] ~= tonumber(ARGV[4]) then
  return 0
end
local what = ARGV[5]
if what ~= 'ack' then
  local entry = redis.call('XRANGE', KEYS[1], id, id)[1]
  if not entry then
    -- The entry was deleted from the stream manually.
    redis.call('XACK', KEYS[1], ARGV[1], id)
    return 0
  end
  local job, tries, fields = id, 0, {}
  for n = 1, #entry[2], 2 do
    local name, value = entry[2][n], entry[2][n + 1]
    if name == 'ebbtide-job' then
      job = value
    elseif name == 'ebbtide-tries' then
      tries = tonumber(value) or 0
    else
      fields[#fields + 1] = name
      fields[#fields + 1] = value
    end
  end
  if #fields > most then
    fields = packed(fields)
  end
  tries = tries + pending[4]
  if what == 'back' then
    tries = tries - 1
  end
  for _, field in ipairs({ 'ebbtide-job', job, 'ebbtide-tries', string.format('%d', tries) }) do
    fields[#fields + 1] = field
  end
  if what == 'dead' then
    fields[#fields + 1] = 'ebbtide-error'
    fields[#fields + 1] = ARGV[7]
    redis.call('XADD', KEYS[3], '*', unpack(fields))
  elseif what == 'retry' and tonumber(ARGV[6]) > 0 then
    local time = redis.call('TIME')
    local due = time[1] * 1000 + math.floor(time[2] / 1000) + 1 + tonumber(ARGV[6])
    redis.call('ZADD', KEYS[2], string.format('%.0f', due), cmsgpack.pack(fields))
  else
    redis.call('XADD', KEYS[1], '*', unpack(fields))
  end
end
redis.call('XACK', KEYS[1], ARGV[1], id)
redis.call('XDEL', KEYS[1], id)
return 1
