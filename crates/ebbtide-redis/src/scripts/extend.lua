-- Begins the lease of those deliveries anew that are still ours.
-- KEYS: stream. ARGV: group, consumer, then id and count of each delivery.
for n = 3, #ARGV, 2 do
  local id = ARGV[n]
  local pending = redis.call('XPENDING', KEYS[1], ARGV[1], id, id, 1)[1]
  if pending and pending[2] == ARGV[2] and pending[4] == tonumber(ARGV[n + 1]) then
    -- JUSTID leaves the count as it is.
    redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, id, 'JUSTID')
  end
end
return 1
