-- Creates the stream and its group if they do not exist, and deletes consumers that were silent for long.
-- KEYS: stream. ARGV: group, after how many ms of silence a consumer with nothing pending is deleted.
local made = redis.pcall('XGROUP', 'CREATE', KEYS[1], ARGV[1], '0', 'MKSTREAM')
if made.err and not string.find(made.err, 'BUSYGROUP', 1, true) then
  return made
end
for _, pairs_of in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[1], ARGV[1])) do
  local consumer = {}
  for n = 1, #pairs_of, 2 do
    consumer[pairs_of[n]] = pairs_of[n + 1]
  end
  -- A consumer with pending entries must stay: deleting it would delete them as well.
  if consumer.pending == 0 and consumer.idle > tonumber(ARGV[2]) then
    redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], consumer.name)
  end
end
return 1
