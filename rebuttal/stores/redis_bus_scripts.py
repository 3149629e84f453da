"""What the bus does in Redis in one step each, in Redis's own language.

Keys, all beginning with ``rebuttal:bus:``. Moments are Redis's own, in milliseconds.

- ``lease:DEBATE``    the process that has the debate; ends by itself
- ``last:DEBATE``     the process that had it last
- ``news:DEBATE``     the stream of what is said of it
- ``watch:DEBATE``    the processes where somebody watches it, by when they last said so
- ``running``         the debates that run, by when their process last said so
- ``notes``           what a process needs to know to take one of them over
- ``processes``       those that stand by, by when they last said so
- ``inbox:PROCESS``   the stream of what others ask that process, and of their answers
"""

from __future__ import annotations

PREFIX = "rebuttal:bus:"

LEASE = 5.0
"""Seconds of silence after which a process has lost its debates to whoever is there."""
TOO_OLD = 60.0
"""Seconds after which a debate whose process died waits for a person instead."""
REMEMBERED = 3600.0
"""Seconds for which the last news of a debate, and who had it, are kept."""
FORGOTTEN_AFTER = 10.0
"""Seconds for which it can be heard that a debate was deleted."""

_BEGIN = f"""
local p, ttl, memory = '{PREFIX}', {LEASE * 1000:.0f}, {REMEMBERED * 1000:.0f}
local oldest = {TOO_OLD * 1000:.0f}
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

-- Whether the debate is still that process's. Its lease may have ended, or Redis may have lost it,
-- if nobody else had the debate since.
local function holds(process, debate)
  local holder = redis.call('GET', p .. 'lease:' .. debate)
  if holder then return holder == process end
  local last = redis.call('GET', p .. 'last:' .. debate)
  return not last or last == process
end

local function hold(process, debate)
  redis.call('SET', p .. 'lease:' .. debate, process, 'PX', ttl)
  redis.call('SET', p .. 'last:' .. debate, process, 'PX', memory)
end

-- For scripts that begin with a process and its debate.
local function refused() return not holds(ARGV[1], ARGV[2]) end
"""

CLAIM = (
    _BEGIN
    + """
-- process, debate -> number and who had it last, or nothing
local holder = redis.call('GET', p .. 'lease:' .. ARGV[2])
if holder and holder ~= ARGV[1] then return {} end
-- By the clock, so that numbers grow also when the server has lost everything.
local number = math.max(now, tonumber(redis.call('GET', p .. 'number') or 0) + 1)
local text = string.format('%.0f', number)
local before = redis.call('GET', p .. 'last:' .. ARGV[2]) or ''
redis.call('SET', p .. 'number', text)
hold(ARGV[1], ARGV[2])
return {text, before}
"""
)

KEEP = (
    _BEGIN
    + """
-- process, debate -> 1 if it still stands
if refused() then return 0 end
hold(ARGV[1], ARGV[2])
return 1
"""
)

RUN = (
    _BEGIN
    + """
-- process, debate, note
if refused() then return 0 end
hold(ARGV[1], ARGV[2])
redis.call('ZADD', p .. 'running', now, ARGV[2])
redis.call('HSET', p .. 'notes', ARGV[2], ARGV[3])
return 1
"""
)

POST = (
    _BEGIN
    + """
-- process, debate, entry, forget what is older than this id -> the entry's id
if refused() then return 0 end
local news, from = p .. 'news:' .. ARGV[2], ARGV[1]
local id = redis.call('XADD', news, 'MINID', ARGV[4], '*', 'from', from, 'entry', ARGV[3])
redis.call('PEXPIRE', news, memory)
return id
"""
)

RELEASE = (
    _BEGIN
    + """
-- process, debate
if refused() then return 0 end
redis.call('DEL', p .. 'lease:' .. ARGV[2])
redis.call('ZREM', p .. 'running', ARGV[2])
redis.call('HDEL', p .. 'notes', ARGV[2])
return 1
"""
)

HAND_OVER = (
    _BEGIN
    + """
-- process, debate -> 1 if another process will take it over
if refused() or not redis.call('ZSCORE', p .. 'running', ARGV[2]) then return 0 end
local others = redis.call('ZRANGEBYSCORE', p .. 'processes', now - ttl, '+inf')
for _, other in ipairs(others) do
  if other ~= ARGV[1] then
    redis.call('ZADD', p .. 'running', now - ttl - 1, ARGV[2])
    redis.call('DEL', p .. 'lease:' .. ARGV[2])
    return 1
  end
end
return 0
"""
)

FORGET = (
    _BEGIN
    + f"""
-- debate, process, entry
local news = p .. 'news:' .. ARGV[1]
redis.call('XADD', news, 'MAXLEN', 1, '*', 'from', ARGV[2], 'entry', ARGV[3])
redis.call('PEXPIRE', news, {FORGOTTEN_AFTER * 1000:.0f})
redis.call('DEL', p .. 'lease:' .. ARGV[1], p .. 'last:' .. ARGV[1], p .. 'watch:' .. ARGV[1])
redis.call('ZREM', p .. 'running', ARGV[1])
redis.call('HDEL', p .. 'notes', ARGV[1])
return 1
"""
)

BEAT = (
    _BEGIN
    + """
-- process, whether it stands by, and three lists of debates with their lengths in front: those it
-- has, those watched there, those followed there
-- -> debates it lost; that others watch; without notes; that nobody holds; orphans with notes; all
-- that run
local me, running, at = ARGV[1], p .. 'running', 3
local function list()
  local found = {}
  for step = 1, tonumber(ARGV[at]) do found[step] = ARGV[at + step] end
  at = at + 1 + #found
  return found
end
local held, watched, followed = list(), list(), list()
local lost, elsewhere, unknown, unheld, orphans = {}, {}, {}, {}, {}

for _, debate in ipairs(held) do
  if not holds(me, debate) then
    lost[#lost + 1] = debate
  else
    hold(me, debate)
    if redis.call('ZSCORE', running, debate) then
      redis.call('ZADD', running, now, debate)
    else
      unknown[#unknown + 1] = debate
    end
  end
  for _, one in ipairs(redis.call('ZRANGEBYSCORE', p .. 'watch:' .. debate, now - ttl, '+inf')) do
    if one ~= me then elsewhere[#elsewhere + 1] = debate break end
  end
end

for _, debate in ipairs(watched) do
  redis.call('ZADD', p .. 'watch:' .. debate, now, me)
  redis.call('PEXPIRE', p .. 'watch:' .. debate, ttl)
end
for _, debate in ipairs(followed) do
  if redis.call('EXISTS', p .. 'lease:' .. debate) == 0 then unheld[#unheld + 1] = debate end
end

redis.call('PEXPIRE', p .. 'inbox:' .. me, oldest)
if ARGV[2] == '1' then
  redis.call('ZADD', p .. 'processes', now, me)
  redis.call('ZREMRANGEBYSCORE', p .. 'processes', '-inf', now - oldest)
  for _, debate in ipairs(redis.call('ZRANGEBYSCORE', running, '-inf', now - ttl)) do
    if redis.call('EXISTS', p .. 'lease:' .. debate) == 0 then
      if tonumber(redis.call('ZSCORE', running, debate)) < now - oldest then
        redis.call('ZREM', running, debate)
        redis.call('HDEL', p .. 'notes', debate)
      elseif #orphans < 100 then
        orphans[#orphans + 1] = debate
        orphans[#orphans + 1] = redis.call('HGET', p .. 'notes', debate) or ''
      end
    end
  end
end
return {lost, elsewhere, unknown, unheld, orphans, redis.call('ZRANGE', running, -1000, -1)}
"""
)
