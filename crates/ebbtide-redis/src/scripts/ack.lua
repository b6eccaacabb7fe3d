-- Deletes acknowledged deliveries from the stream, if this consumer still owns them, and reads new ones.
-- KEYS: stream. ARGV: group, consumer, maximum number of new ones, then id, count, ...
-- Returns 1 for each, or 0 if the delivery is lost; and the new ones: {id, fields}.
local few = #ARGV - 3
local pending = {}
local function look(from, to, most)
  local found = redis.call('XPENDING', KEYS[1], ARGV[1], from, to, most, ARGV[2])
  for _, entry in ipairs(found) do
    pending[entry[1]] = entry[4]
  end
  return #found
end
-- One query for the oldest of this consumer costs less than one for each, and usually finds all.
local all = few > 2 and look('-', '+', few) < few
local ours, done = {}, {}
for n = 4, #ARGV, 2 do
  local id = ARGV[n]
  if not all and not pending[id] then
    look(id, id, 1)
  end
  if pending[id] == tonumber(ARGV[n + 1]) then
    ours[#ours + 1] = id
    done[#done + 1] = 1
  else
    done[#done + 1] = 0
  end
end
if #ours > 0 then
  redis.call('XACK', KEYS[1], ARGV[1], unpack(ours))
  redis.call('XDEL', KEYS[1], unpack(ours))
end
local read
if tonumber(ARGV[3]) > 0 then
  -- A failure here does not undo the acknowledgements; the next fetch returns the error.
  read = redis.pcall('XREADGROUP', 'GROUP', ARGV[1], ARGV[2], 'COUNT', ARGV[3], 'STREAMS', KEYS[1], '>')
end
return { done, read and read[1] and read[1][2] or {} }
