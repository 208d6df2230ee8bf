-- One visit of a process: what it gives back, what it asks for, what it is told.
-- The counting is that of arena_groups/_pacing/window.py; what is added is said where it is.
-- KEYS: the quota, the slots in flight, the processes seen, and those that wait (since, until).
local ask = cjson.decode(ARGV[1])
local NEVER, LONGEST, CLOCK_ERROR, UNSURE = 1e15, 3600, 1, 3
local SEEN, GRACE = 120, 0.25
local quota_key, slots_key, seen_key, since_key, until_key = unpack(KEYS)

local now = ask.now
if not now then
  local time = redis.call('TIME')
  now = tonumber(time[1]) + tonumber(time[2]) / 1e6
end

local q = {
  limit = -1, window = 60, counted = 0, resets_at = NEVER, held_until = -NEVER, probing = 1,
  holds = 0, untold = 0, last_untold = 0, unix_reset = -NEVER, over = 0, unix_offset = -NEVER,
  offset_now = -NEVER, next_write = -NEVER, epoch = now, reckoned_until = -NEVER, last_now = now,
}
local kept = redis.call('HGETALL', quota_key)
for i = 1, #kept, 2 do q[kept[i]] = tonumber(kept[i + 1]) end
local in_flight = redis.call('ZCARD', slots_key)

-- A clock that was set back, or another server's.
local function set_back(by)
  for _, name in ipairs({'resets_at', 'held_until', 'next_write', 'reckoned_until'}) do
    if math.abs(q[name]) < NEVER then q[name] = q[name] - by end
  end
  for _, name in ipairs({'unix_offset', 'offset_now'}) do
    if q[name] > -NEVER then q[name] = q[name] + by end
  end
  for _, key in ipairs({slots_key, seen_key, since_key, until_key}) do
    for _, member in ipairs(redis.call('ZRANGE', key, 0, -1)) do
      redis.call('ZINCRBY', key, string.format('%.6f', -by), member)
    end
  end
end

local function start_window(already)
  q.counted, q.untold, q.last_untold = already, 0, 0
end

local function roll()
  start_window(q.last_untold)
  q.over = 1
  q.resets_at = now + q.window
end

local function roll_if_due()
  if now >= q.resets_at then roll() end
end

local function count_untold()
  q.counted, q.untold = q.counted + 1, q.untold + 1
  if now >= q.resets_at - UNSURE then q.last_untold = q.last_untold + 1 end
end

local function learn_time(server_time)
  local offset = server_time - now
  if offset < q.unix_offset - q.window - 2 then
    q.unix_reset = -NEVER
    q.unix_offset, q.offset_now = offset, offset
  end
  q.offset_now = math.max(q.offset_now, offset)
  q.unix_offset = math.max(q.unix_offset, offset)
end

local function learn(told)
  q.limit, q.window = told.limit, math.min(told.window, LONGEST)
  learn_time(told.server_time)
  local unix_reset = told.reset or (told.server_time + q.window)
  local behind = q.unix_reset - unix_reset
  local stride = math.max(q.window - 1, q.window / 2)
  if behind >= 0 and (q.over == 1 or behind >= stride) then return end
  if behind < 0 then
    if -behind >= stride then
      if q.over == 0 then start_window(math.max(q.untold, q.last_untold)) end
      q.unix_offset, q.offset_now = q.offset_now, -NEVER
    end
    q.unix_reset, q.over = unix_reset, 0
  end
  q.resets_at = math.min(q.unix_reset - q.unix_offset, now + q.window + CLOCK_ERROR)
  if q.resets_at <= now then q.resets_at = now + CLOCK_ERROR end
  q.counted, q.untold = q.counted + 1, 0
end

local function hold(retry_after)
  local wait = retry_after
  if not wait then wait = q.resets_at == NEVER and q.window or q.resets_at - now end
  q.held_until = math.max(q.held_until, now + math.min(wait, LONGEST))
  q.probing = 1
  q.holds = q.holds + 1
  -- The probe waits for all that is in flight, but no longer for the dead than for a lost probe.
  local latest = string.format('%.6f', q.held_until + ask.probe_lifetime)
  for _, slot in ipairs(redis.call('ZRANGEBYSCORE', slots_key, '(' .. latest, '+inf')) do
    redis.call('ZADD', slots_key, latest, slot)
  end
end

local function answered(back)
  in_flight = in_flight - redis.call('ZREM', slots_key, back.slot)
  if back.unsent then return end
  roll_if_due()
  local told = back.told
  if told and told.limit then learn(told) else count_untold() end
  if told and told.status == 429 then
    hold(told.retry_after)
  elseif back.mark == q.holds and (told or back.mark == 0) then
    q.probing = 0
  end
end

-- What a process had in flight when it died. It was counted, if at all, in a window that may be
-- over by now.
local function expire_slots()
  for _, slot in ipairs(redis.call('ZRANGEBYSCORE', slots_key, '-inf', now)) do
    in_flight = in_flight - redis.call('ZREM', slots_key, slot)
    roll_if_due()
    count_untold()
  end
end

-- How long until a request may be sent; 0 or less: at once; NEVER: not before an answer.
local function wait_for_one()
  roll_if_due()
  if now < q.held_until then return q.held_until - now end
  if q.probing == 1 then return in_flight > 0 and NEVER or 0 end
  if q.limit < 0 or q.counted + in_flight < math.max(1, q.limit) then return 0 end
  return q.counted > 0 and q.resets_at - now or NEVER
end

local function free_slots()
  if wait_for_one() > 0 then return 0 end
  if q.probing == 1 then return 1 end
  if q.limit < 0 then return ask.want end
  return math.max(1, q.limit) - q.counted - in_flight
end

-- While others wait, each gets a part of what is free, and who has waited longer goes first.
-- A place in the line lasts a little longer than its process was told to wait.
local function may_take(free, want)
  for _, gone in ipairs(redis.call('ZRANGEBYSCORE', until_key, '-inf', now)) do
    redis.call('ZREM', until_key, gone)
    redis.call('ZREM', since_key, gone)
  end
  local mine = redis.call('ZSCORE', since_key, ask.process)
  local others = redis.call('ZCARD', since_key) - (mine and 1 or 0)
  local ahead = redis.call('ZCOUNT', since_key, '-inf', '(' .. (mine or 'inf'))
  if mine then ahead = math.min(ahead, others) else ahead = others end
  local part = math.floor(free / (others + 1))
  if part < 1 and free > ahead then part = 1 end
  return math.max(0, math.min(want, part))
end

if now < q.last_now then set_back(q.last_now - now) end
q.last_now = now

-- What all have sent without asking while this was away, as the first to come back reckons; and
-- before that too, if it was forgotten.
if ask.alone and now >= q.reckoned_until then
  local alone = ask.epoch == string.format('%.6f', q.epoch) and ask.alone.since or ask.alone.all
  roll_if_due()
  q.counted, q.untold = q.counted + alone, q.untold + alone
  q.reckoned_until = now + math.min(ask.alone.left, LONGEST)
end

expire_slots()
for _, back in ipairs(ask.back) do answered(back) end

local write_wait = ask.write and math.max(0, q.next_write - now) or 0
local want = ask.want
if write_wait > 0 then want = want - 1 end
local free = free_slots()
local granted = want > 0 and may_take(free, want) or 0
-- All wait for a probe, so it is soon taken for lost.
local lifetime = q.probing == 1 and ask.probe_lifetime or ask.lifetime
for i = 1, granted do
  redis.call('ZADD', slots_key, string.format('%.6f', now + lifetime), ask.name .. i)
end
in_flight = in_flight + granted
if ask.write and write_wait == 0 and granted > ask.before_write then
  q.next_write = now + ask.spacing
end

local wait = 0
if granted < want then
  wait = wait_for_one()
  local until_when = now + GRACE + (wait == NEVER and ask.poll or wait)
  redis.call('ZADD', until_key, string.format('%.6f', until_when), ask.process)
  if granted > 0 or not redis.call('ZSCORE', since_key, ask.process) then
    redis.call('ZADD', since_key, string.format('%.6f', now), ask.process)
  end
else
  redis.call('ZREM', since_key, ask.process)
  redis.call('ZREM', until_key, ask.process)
end

redis.call('ZREMRANGEBYSCORE', seen_key, '-inf', now - SEEN)
if ask.leaving then
  redis.call('ZREM', seen_key, ask.process)
else
  redis.call('ZADD', seen_key, string.format('%.6f', now), ask.process)
end

local fields = {}
for name, value in pairs(q) do
  fields[#fields + 1] = name
  fields[#fields + 1] = string.format('%.6f', value)
end
redis.call('HSET', quota_key, unpack(fields))
for _, key in ipairs(KEYS) do redis.call('EXPIRE', key, 2 * LONGEST) end

local function told(value)
  return string.format('%.6f', value)
end
return {
  told(granted), told(wait == NEVER and -1 or wait), told(write_wait), told(q.holds),
  told(q.limit), told(q.window), told(q.counted), told(in_flight),
  told(q.resets_at == NEVER and -1 or math.max(0, q.resets_at - now)),
  told(math.max(0, q.held_until - now)), told(redis.call('ZCARD', seen_key)),
  told(q.epoch),
}
