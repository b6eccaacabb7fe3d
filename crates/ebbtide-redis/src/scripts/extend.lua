-- Renews the lease of those deliveries that this consumer still owns.
-- KEYS: stream. ARGV: group, consumer, then id and count of each delivery.
for n = 3, #ARGV, 2 do
  local id = ARGV[n]
  local pending = redis.call('XPENDING', KEYS[1], ARGV[1], id, id, 1)[1]
  if pending and pending[2] == ARGV[2] and pending[4] == tonumber(ARGV[n + 1]) then
    -- JUSTID does not increment the count.
    redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, id, 'JUSTID')
  end
end
return 1
