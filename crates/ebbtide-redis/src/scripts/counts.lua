-- KEYS: stream, delayed, dead. ARGV: group. Returns how many are in the stream, pending, delayed and dead.
return {
  redis.call('XLEN', KEYS[1]),
  redis.call('XPENDING', KEYS[1], ARGV[1])[1],
  redis.call('ZCARD', KEYS[2]),
  redis.call('XLEN', KEYS[3]),
}
