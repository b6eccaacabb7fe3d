-- Puts the jobs whose delay has passed back into the stream, and takes over what others have left.
-- KEYS: stream, delayed. ARGV: group, consumer, lease in ms, how many, cursor.
-- Returns the next cursor, the ms until the next delayed job (-1: there is none), and the deliveries: {id, fields, count}.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
for _, packed in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now, 'LIMIT', 0, 100)) do
  -- In this order: where memory is short, the first of the two is refused, and the job stays where it is.
  redis.call('XADD', KEYS[1], '*', unpack(cmsgpack.unpack(packed)))
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
