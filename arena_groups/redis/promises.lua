-- One report of a process, and what the process is promised of the current window. Counts are totals
-- of the window, so a report that runs twice, or late, changes nothing. Times are seconds of the clock
-- of Redis; ``reset`` is the server's Unix time, and names the window.
local report = cjson.decode(ARGV[1])
local KEPT, PROBE_TTL, LULL = 7200, 5, 1
local time = redis.call('TIME')
local clock = report.now or (time[1] * 1000 + math.floor(time[2] / 1000)) / 1000
local saved = redis.call('GET', KEYS[1])
local state = saved and cjson.decode(saved) or {
  created = clock, updated = clock, shift = 0, members = {}, processes = 0, uncertain_until = 0,
  blocked_until = 0, open = false, backoff = report.backoff, next_write = 0,
}
-- The clock may be set back, or be that of another server; here it never goes back.
state.shift = math.max(state.shift, state.updated - clock)
local now = clock + state.shift
-- A server that hung runs reports late; their holds end none the later.
local at = report.created == state.created and math.min(now, report.at or now) or now

local function is_live(member)
  return member.seen > now - report.member_ttl
end

-- The report concerns the current window, an earlier one, or another, in which all promises are
-- void. A reset far in the past is that of a server whose clock was set back.
local current = false
local window, reported = state.window, report.window
if reported then
  local gap = math.max(reported.length - 1, reported.length / 2)
  local ahead = window and reported.reset - window.reset or gap
  local another = ahead >= gap or ahead <= -2 * reported.length - 2
  current = another or ahead > -gap
  if another then
    window = {reset = reported.reset, ends = now + reported.left, outside = 0}
    for name, member in pairs(state.members) do
      member.promised, member.sent, member.foreground = 0, nil, 0
      if not is_live(member) then state.members[name] = nil end
    end
  end
  if current then
    window.ends = math.min(window.ends, now + reported.left)
    window.limit, window.length = reported.limit, reported.length
  end
  state.window = window
end

-- After an outage, others may have used a share of their own, and will soon report it.
if now >= state.uncertain_until then state.processes = 0 end
if not saved or report.offline then
  state.processes = math.max(state.processes, report.processes)
end
if not saved or report.offline or now - state.updated > LULL then
  state.uncertain_until = now + 2 * report.timeout + 1
end
local uncertain = now < state.uncertain_until
if report.created and report.created ~= state.created then state.lost = true end

local own = state.members[report.process] or {promised = 0, writes = 0, write_at = 0}
state.members[report.process] = own
own.seen = report.leaving and 0 or now
if current then
  own.sent = math.max(own.sent or 0, report.sent)
  own.foreground = math.max(own.foreground or 0, report.foreground)
end

local count, promised, foreground = 0, 0, 0
for _, member in pairs(state.members) do
  if is_live(member) then count = count + 1 end
  promised = promised + math.max(member.promised, member.sent or 0)
  foreground = foreground + (member.foreground or 0)
end
local processes = math.max(1, count, state.processes)
-- Other programs may use the same token: the API may say how much of the limit is left.
if current then window.outside = math.max(window.outside, report.used - promised) end

-- What the others have or may still use. Each finds its share whenever it comes, and what nobody
-- claims becomes free as the window passes. One that was not heard of in this window, but was active
-- just now, may have used its share already.
local others_sent, background = 0, 0
if window then
  local share = math.floor(window.limit / processes)
  local part_left = math.max(0, math.min(1, (window.ends - now) / window.length))
  local taken = window.outside + (processes - math.max(1, count)) * share
  local used_up = taken  -- what is certain of it, or may be
  others_sent = window.outside
  for _, member in pairs(state.members) do
    if member ~= own then
      local claim, unheard = 0, false
      if is_live(member) then
        unheard = not member.sent and (uncertain or member.seen > now - LULL)
        claim = unheard and share or math.min(share, member.promised + share * part_left)
      end
      taken, others_sent = taken + math.max(member.promised, claim), others_sent + (member.sent or 0)
      used_up = used_up + math.max(member.promised, unheard and share or 0)
    end
  end
  if current then
    -- The background leaves a reserve to the foreground of all processes: a tenth of the limit,
    -- which shrinks until the last sixtieth of the window. The foreground may use it before what
    -- others could still claim.
    local reserve = math.floor(window.limit / 10 + 0.5)
    reserve = math.max(0, math.min(reserve * (part_left - 1 / 60) * 60 / 59, reserve - foreground))
    local free, wanted = window.limit - taken, report.sent + report.wanted
    background = math.max(0, math.min(wanted, math.floor(free - reserve)))
    free = math.min(window.limit - used_up, math.max(free, own.sent + math.ceil(reserve)))
    wanted = math.max(background, math.min(wanted - report.background, math.floor(free)))
    -- Redis was emptied: it first learns from all what they were promised before.
    local rebuilt = now >= state.created + report.timeout / 2 + 0.6
    if state.lost and not rebuilt then wanted, background = 0, 0 end
    own.promised = math.max(own.promised, own.sent, report.promised, wanted)
    if report.leaving then own.promised = own.sent end
  end
end

-- A hold is for all, until a request of one succeeds after it. Its end is its name. The first request
-- of all goes alone too.
if report.blocked_for > 0 and report.hold ~= state.blocked_until then
  local ends = at + report.blocked_for
  if ends > state.blocked_until then
    state.blocked_until, state.backoff, state.open, state.probe = ends, report.backoff, false, nil
  end
elseif not report.probing and report.hold == state.blocked_until then
  state.open, state.backoff, state.probe = true, report.backoff, nil
end
if not state.open and now >= state.blocked_until and report.wanted > 0
    and (not state.probe or now >= state.probe_until) then
  state.probe, state.probe_until = report.process, now + PROBE_TTL
end

-- Writes are numbered by their process, so that a report that runs twice gets one slot.
if report.write > own.writes then
  own.writes, own.write_at = report.write, math.max(now, state.next_write)
  state.next_write = own.write_at + report.write_spacing
end

state.updated = now
redis.call('SET', KEYS[1], cjson.encode(state), 'EX', KEPT)
return cjson.encode({
  now = now, created = state.created, processes = processes,
  promised = current and own.promised or nil, background = current and background or nil,
  others_sent = others_sent,
  window = window and {
    reset = window.reset, left = window.ends - now, limit = window.limit, length = window.length,
  },
  hold = state.blocked_until, blocked_for = math.max(0, state.blocked_until - now),
  backoff = state.backoff, open = state.open, probe = state.probe == report.process,
  write_in = math.max(0, own.write_at - now),
})
