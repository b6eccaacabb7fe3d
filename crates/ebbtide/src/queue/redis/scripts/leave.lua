-- Forgets a consumer if nothing is pending under its name: deleting it would delete that as well.
-- KEYS: stream. ARGV: group, consumer. Returns how many deliveries are pending.
local pending = redis.call('XPENDING', KEYS[1], ARGV[1], '-', '+', 1, ARGV[2])
if #pending == 0 then
  redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], ARGV[2])
end
return #pending
