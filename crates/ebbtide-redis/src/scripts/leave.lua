-- Forgets a consumer if nothing is pending under its name: deleting it would delete that as well.
-- KEYS: stream. ARGV: group, consumer. Returns how many deliveries are pending under its name.
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
