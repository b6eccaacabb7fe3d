-- Makes the stream and its group where they are missing, and forgets consumers that are long gone.
-- KEYS: stream. ARGV: group, after how many ms of silence a consumer that has nothing is forgotten.
local made = redis.pcall('XGROUP', 'CREATE', KEYS[1], ARGV[1], '0', 'MKSTREAM')
if made.err and not string.find(made.err, 'BUSYGROUP', 1, true) then
  return made
end
for _, pairs_of in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[1], ARGV[1])) do
  local consumer = {}
  for n = 1, #pairs_of, 2 do
    consumer[pairs_of[n]] = pairs_of[n + 1]
  end
  -- With anything pending it must stay: deleting it would delete that as well.
  if consumer.pending == 0 and consumer.idle > tonumber(ARGV[2]) then
    redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], consumer.name)
  end
end
return 1
