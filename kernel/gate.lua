-- Admits one request: reads the session and the versions, and counts it against its limits, in one round trip.
-- KEYS: session, tenant version, directory version, position of the caller's last write, version of a kept answer,
--       then one key a limit.
-- ARGV: a unique name for this request, then for each limit: kind (log or gcra), limit, window in ms.
-- Answers: session, tenant version, directory version, position and version of a kept answer, each or false,
--          then for each limit: allowed (1 or 0), remaining, ms until it is free again.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local answer = redis.call('MGET', KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5])

local function log_limit(key, limit, window)
  -- Exact: every request of the window is kept; refused ones count too, so that hammering never pays.
  redis.call('ZREMRANGEBYSCORE', key, '-inf', now - window)
  local count = redis.call('ZCARD', key)
  if count < limit * 4 then
    redis.call('ZADD', key, now, ARGV[1])
    redis.call('PEXPIRE', key, window)
  end
  if count < limit then
    return 1, limit - count - 1, window
  end
  local blocking = redis.call('ZRANGE', key, -limit, -limit, 'WITHSCORES')
  return 0, 0, math.max(1, blocking[2] + window - now)
end

local function gcra_limit(key, limit, window)
  -- The generic cell rate algorithm: one number, the moment at which the allowance is whole again.
  local interval = window / limit
  local whole = math.max(tonumber(redis.call('GET', key) or 0), now) + interval
  if whole - window > now then
    return 0, 0, math.ceil(whole - window - now)
  end
  redis.call('SET', key, string.format('%.3f', whole), 'PX', math.max(1, math.ceil(whole - now)))
  return 1, math.floor((window - (whole - now)) / interval), math.ceil(whole - now)
end

for index = 6, #KEYS do
  local first = 2 + (index - 6) * 3
  local count = ARGV[first] == 'log' and log_limit or gcra_limit
  local allowed, remaining, wait = count(KEYS[index], tonumber(ARGV[first + 1]), tonumber(ARGV[first + 2]))
  answer[#answer + 1] = allowed
  answer[#answer + 1] = remaining
  answer[#answer + 1] = wait
end
return answer
