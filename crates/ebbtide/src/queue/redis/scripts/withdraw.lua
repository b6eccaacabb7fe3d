-- Returns the deliveries that are pending under our name and that we don't know of: {id, fields, count}.
-- KEYS: stream. ARGV: group, consumer, then the ids that we do know of.
local held = {}
for n = 3, #ARGV do
  held[ARGV[n]] = true
end
local found = {}
for _, pending in ipairs(redis.call('XPENDING', KEYS[1], ARGV[1], '-', '+', 100000, ARGV[2])) do
  if not held[pending[1]] then
    local entry = redis.call('XRANGE', KEYS[1], pending[1], pending[1])[1]
    if entry then
      found[#found + 1] = { entry[1], entry[2], pending[4] }
    else
      redis.call('XACK', KEYS[1], ARGV[1], pending[1])
    end
  end
end
return found
