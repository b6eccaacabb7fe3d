-- Returns the deliveries that are pending for this consumer and unknown to it, and renews their lease: {id, fields,
-- count}.
-- KEYS: stream. ARGV: group, consumer, then id and count of each known delivery.
local held = {}
for n = 3, #ARGV, 2 do
  held[ARGV[n] .. ' ' .. ARGV[n + 1]] = true
end
local found = {}
for _, pending in ipairs(redis.call('XPENDING', KEYS[1], ARGV[1], '-', '+', 100000, ARGV[2])) do
  local id, count = pending[1], pending[4]
  if not held[id .. ' ' .. string.format('%.0f', count)] then
    local entry = redis.call('XRANGE', KEYS[1], id, id)[1]
    if entry then
      -- JUSTID does not increment the count.
      redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, id, 'JUSTID')
      found[#found + 1] = { id, entry[2], count }
    else
      redis.call('XACK', KEYS[1], ARGV[1], id)
    end
  end
end
return found
