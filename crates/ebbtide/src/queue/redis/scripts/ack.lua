-- Takes deliveries that are done out of the stream, those of them that are still ours.
-- KEYS: stream. ARGV: group, consumer, then id, count, ...
-- Returns for each 1, or 0 when the delivery is lost.
local ours, done = {}, {}
for n = 3, #ARGV, 2 do
  local id = ARGV[n]
  local pending = redis.call('XPENDING', KEYS[1], ARGV[1], id, id, 1)[1]
  if pending and pending[2] == ARGV[2] and pending[4] == tonumber(ARGV[n + 1]) then
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
return done
