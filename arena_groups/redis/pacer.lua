-- Shared rate limit: one run takes the releases of a process and grants it permits.
-- The counting is that of arena_groups/_pacing/window.py; comments mark the additions.
-- KEYS: the window, the permits in flight, the processes, and those that wait (since, until).
local request = cjson.decode(ARGV[1])
local FOREVER, MAX_WAIT, CLOCK_RESOLUTION, BOUNDARY_MARGIN = 1e15, 3600, 1, 3
local FIRST_BACKOFF, BACKOFF_FACTOR = 2, 3
local PROCESS_TTL, WAIT_MARGIN = 120, 0.25  -- seconds
local window_key, in_flight_key, processes_key, since_key, until_key = unpack(KEYS)

local now = request.now
if not now then
  local time = redis.call('TIME')
  now = tonumber(time[1]) + tonumber(time[2]) / 1e6
end

local w = {
  limit = -1, window = 60, counted = 0, resets_at = FOREVER, blocked_until = -FOREVER,
  probing = 1, hold_generation = 0, unconfirmed = 0, unconfirmed_at_end = 0,
  unix_reset = -FOREVER, expired = 0, unix_offset = -FOREVER, offset_now = -FOREVER,
  next_write = -FOREVER, epoch = now, offline_added_until = -FOREVER, last_now = now,
  backoff = FIRST_BACKOFF,
}
local saved = redis.call('HGETALL', window_key)
for i = 1, #saved, 2 do w[saved[i]] = tonumber(saved[i + 1]) end
local in_flight = redis.call('ZCARD', in_flight_key)

local function decimal(value)
  return string.format('%.6f', value)
end

-- The clock was set back, or belongs to another server.
local function shift_times(seconds)
  for _, name in ipairs({'resets_at', 'blocked_until', 'next_write', 'offline_added_until'}) do
    if math.abs(w[name]) < FOREVER then w[name] = w[name] - seconds end
  end
  for _, name in ipairs({'unix_offset', 'offset_now'}) do
    if w[name] > -FOREVER then w[name] = w[name] + seconds end
  end
  for _, key in ipairs({in_flight_key, processes_key, since_key, until_key}) do
    for _, member in ipairs(redis.call('ZRANGE', key, 0, -1)) do
      redis.call('ZINCRBY', key, decimal(-seconds), member)
    end
  end
end

local function reset_counts(counted)
  w.counted, w.unconfirmed, w.unconfirmed_at_end = counted, 0, 0
end

local function start_next_window_if_due()
  if now >= w.resets_at then
    reset_counts(w.unconfirmed_at_end)
    w.expired = 1
    w.resets_at = now + w.window
  end
end

local function count_unconfirmed()
  w.counted, w.unconfirmed = w.counted + 1, w.unconfirmed + 1
  if now >= w.resets_at - BOUNDARY_MARGIN then
    w.unconfirmed_at_end = w.unconfirmed_at_end + 1
  end
end

local function learn_time(server_time)
  local offset = server_time - now
  if offset < w.unix_offset - w.window - 2 then
    w.unix_reset = -FOREVER
    w.unix_offset, w.offset_now = offset, offset
  end
  w.offset_now = math.max(w.offset_now, offset)
  w.unix_offset = math.max(w.unix_offset, offset)
end

local function learn(update)
  w.limit, w.window = update.limit, math.min(update.window, MAX_WAIT)
  learn_time(update.server_time)
  local unix_reset = update.reset or (update.server_time + w.window)
  local behind = w.unix_reset - unix_reset
  local min_window_gap = math.max(w.window - 1, w.window / 2)
  if behind >= 0 and (w.expired == 1 or behind >= min_window_gap) then return end
  if behind < 0 then
    if -behind >= min_window_gap then
      if w.expired == 0 then reset_counts(math.max(w.unconfirmed, w.unconfirmed_at_end)) end
      w.unix_offset, w.offset_now = w.offset_now, -FOREVER
    end
    w.unix_reset, w.expired = unix_reset, 0
  end
  w.resets_at = math.min(w.unix_reset - w.unix_offset, now + w.window + CLOCK_RESOLUTION)
  if w.resets_at <= now then w.resets_at = now + CLOCK_RESOLUTION end
  w.counted, w.unconfirmed = w.counted + 1, 0
  if update.remaining then w.counted = math.max(w.counted, w.limit - update.remaining) end
end

local function block(generation, update)
  local wait = update.retry_after
  if not wait and update.limit then wait = w.resets_at - now end
  if wait and wait > 0 then
    w.backoff = FIRST_BACKOFF
  elseif generation == w.hold_generation then
    wait = math.min(w.backoff, w.window)
    w.backoff = BACKOFF_FACTOR * wait
  else
    return
  end
  w.blocked_until = math.max(w.blocked_until, now + math.min(wait, MAX_WAIT))
  w.probing = 1
  w.hold_generation = w.hold_generation + 1
  -- The probe waits for all that is in flight, but for a dead process only as long as for a lost
  -- probe.
  local latest = decimal(w.blocked_until + request.probe_ttl)
  for _, permit in ipairs(redis.call('ZRANGEBYSCORE', in_flight_key, '(' .. latest, '+inf')) do
    redis.call('ZADD', in_flight_key, latest, permit)
  end
end

local function record_release(release)
  in_flight = in_flight - redis.call('ZREM', in_flight_key, release.permit)
  if release.unused then return end
  start_next_window_if_due()
  local update = release.update
  if not (update and update.uncounted) then
    if update and update.limit then learn(update) else count_unconfirmed() end
  end
  if update and update.status == 429 then
    block(release.generation, update)
  elseif release.generation == w.hold_generation and (update or release.generation == 0) then
    w.probing, w.backoff = 0, FIRST_BACKOFF
  end
end

-- Permits of processes that died. The server may have counted their requests, perhaps in a window
-- that is over.
local function expire_permits()
  for _, permit in ipairs(redis.call('ZRANGEBYSCORE', in_flight_key, '-inf', now)) do
    in_flight = in_flight - redis.call('ZREM', in_flight_key, permit)
    start_next_window_if_due()
    count_unconfirmed()
  end
end

-- Seconds until the next permit; 0 or less: at once; FOREVER: not before a response.
local function next_delay()
  start_next_window_if_due()
  if now < w.blocked_until then return w.blocked_until - now end
  if w.probing == 1 then return in_flight > 0 and FOREVER or 0 end
  if w.limit < 0 or w.counted + in_flight < math.max(1, w.limit) then return 0 end
  return w.counted > 0 and w.resets_at - now or FOREVER
end

local function free_permits()
  if next_delay() > 0 then return 0 end
  if w.probing == 1 then return 1 end
  if w.limit < 0 then return request.wanted end
  return math.max(1, w.limit) - w.counted - in_flight
end

-- While others wait, each process gets its part of the free permits, the longest waiting first.
-- A place in the queue lasts a little longer than its process was asked to wait.
local function fair_share(free, wanted)
  for _, process in ipairs(redis.call('ZRANGEBYSCORE', until_key, '-inf', now)) do
    redis.call('ZREM', until_key, process)
    redis.call('ZREM', since_key, process)
  end
  local own = redis.call('ZSCORE', since_key, request.process)
  local others = redis.call('ZCARD', since_key) - (own and 1 or 0)
  local ahead = redis.call('ZCOUNT', since_key, '-inf', '(' .. (own or 'inf'))
  if own then ahead = math.min(ahead, others) else ahead = others end
  local part = math.floor(free / (others + 1))
  if part < 1 and free > ahead then part = 1 end
  return math.max(0, math.min(wanted, part))
end

if now < w.last_now then shift_times(w.last_now - now) end
w.last_now = now

-- Requests that all processes sent while Redis was unavailable, by the estimate of the first one
-- to return; and earlier ones too, if Redis was restarted empty.
if request.offline and now >= w.offline_added_until then
  local same_epoch = request.epoch == decimal(w.epoch)
  local sent = same_epoch and request.offline.since_outage or request.offline.in_window
  start_next_window_if_due()
  w.counted, w.unconfirmed = w.counted + sent, w.unconfirmed + sent
  w.offline_added_until = now + math.min(request.offline.window_left, MAX_WAIT)
end

expire_permits()
for _, release in ipairs(request.releases) do record_release(release) end

local write_delay = request.write and math.max(0, w.next_write - now) or 0
local wanted = request.wanted
if write_delay > 0 then wanted = wanted - 1 end
local free = free_permits()
local granted = wanted > 0 and fair_share(free, wanted) or 0
-- All processes wait for a probe, so it expires soon.
local ttl = w.probing == 1 and request.probe_ttl or request.permit_ttl
for i = 1, granted do
  redis.call('ZADD', in_flight_key, decimal(now + ttl), request.permit_prefix .. i)
end
in_flight = in_flight + granted
if request.write and write_delay == 0 and granted > request.ahead_of_write then
  w.next_write = now + request.write_spacing
end

local delay = 0
if granted < wanted then
  delay = next_delay()
  local waits_until = now + WAIT_MARGIN + (delay == FOREVER and request.max_poll or delay)
  redis.call('ZADD', until_key, decimal(waits_until), request.process)
  if granted > 0 or not redis.call('ZSCORE', since_key, request.process) then
    redis.call('ZADD', since_key, decimal(now), request.process)
  end
else
  redis.call('ZREM', since_key, request.process)
  redis.call('ZREM', until_key, request.process)
end

redis.call('ZREMRANGEBYSCORE', processes_key, '-inf', now - PROCESS_TTL)
if request.leaving then
  redis.call('ZREM', processes_key, request.process)
else
  redis.call('ZADD', processes_key, decimal(now), request.process)
end

local fields = {}
for name, value in pairs(w) do
  fields[#fields + 1] = name
  fields[#fields + 1] = decimal(value)
end
redis.call('HSET', window_key, unpack(fields))
for _, key in ipairs(KEYS) do redis.call('EXPIRE', key, 2 * MAX_WAIT) end

return {
  decimal(granted), decimal(delay == FOREVER and -1 or delay), decimal(write_delay),
  decimal(w.hold_generation), decimal(w.limit), decimal(w.window), decimal(w.counted),
  decimal(in_flight), decimal(w.resets_at == FOREVER and -1 or math.max(0, w.resets_at - now)),
  decimal(math.max(0, w.blocked_until - now)), decimal(redis.call('ZCARD', processes_key)),
  decimal(w.epoch),
}
