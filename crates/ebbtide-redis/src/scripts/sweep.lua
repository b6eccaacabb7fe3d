-- Moves the jobs whose delay has passed back into the stream, and claims deliveries whose lease has expired.
-- KEYS: stream, delayed, dead. ARGV: group, consumer, lease in ms, how many, cursor.
-- Returns the next cursor, the ms until the next delayed job (-1: there is none), and the deliveries: {id, fields, count}.

-- Lua's stack holds 8000. A retry packs less, so an entry with more is not a job; neither is one that a retry did not
-- pack.
local most = 7000
local function unpacked(packed)
  local ok, fields = pcall(cmsgpack.unpack, packed)
  if not ok or type(fields) ~= 'table' or #fields == 0 or #fields % 2 == 1 or #fields > most then
    return nil
  end
  for _, field in ipairs(fields) do
    if type(field) ~= 'string' then
      return nil
    end
  end
  return fields
end

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
for _, packed in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now, 'LIMIT', 0, 100)) do
  local fields = unpacked(packed)
  -- In this order: when memory is short, Redis rejects the first of the two, and the job stays where it is.
  if fields then
    redis.call('XADD', KEYS[1], '*', unpack(fields))
  else
    redis.call('XADD', KEYS[3], '*', 'ebbtide-error', 'no job: it was not put here by a retry', 'packed', packed)
  end
  redis.call('ZREM', KEYS[2], packed)
end
local next_due = redis.call('ZRANGE', KEYS[2], 0, 0, 'WITHSCORES')
local wait = -1
if next_due[2] then
  wait = math.max(0, tonumber(next_due[2]) - now)
end
local claimed = redis.call('XAUTOCLAIM', KEYS[1], ARGV[1], ARGV[2], ARGV[3], ARGV[5], 'COUNT', ARGV[4])
local taken = {}
for _, entry in ipairs(claimed[2]) do
  local pending = redis.call('XPENDING', KEYS[1], ARGV[1], entry[1], entry[1], 1)[1]
  taken[#taken + 1] = { entry[1], entry[2], pending[4] }
end
return { claimed[1], wait, taken }
