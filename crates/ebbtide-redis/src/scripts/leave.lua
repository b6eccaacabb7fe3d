-- Deletes a consumer if nothing is pending for it: deleting it would delete the pending entries as well.
-- KEYS: stream. ARGV: group, consumer. Returns how many deliveries are pending for it.
local pending = 0
for _, consumer in ipairs(redis.call('XPENDING', KEYS[1], ARGV[1])[4] or {}) do
  if consumer[1] == ARGV[2] then
    pending = tonumber(consumer[2])
  end
end
if pending == 0 then
  redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], ARGV[2])
end
return pending
