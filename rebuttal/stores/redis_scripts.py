"""The writes of a store on Redis, in Lua: each is done as a whole or not at all.

A script first looks, and answers with a word where it cannot be. Then ``done()``, which the server
refuses where it takes no writes, and only then the rest: so nothing is ever half written.

    debate:ID   hash: body tip finished title pinned owner seq version count kept_at deleted_at
    turns:ID    hash: a turn's id -> its number, colon, JSON    words:ID    -> what finds it
    spent:ID    hash: tokens money                              these four expire together
    all, of:OWNER   debates by seq, the pinned ones last        deleted     by when
    kept            debates by when a turn was kept last        owners      debate -> owner
    gone:ID     it was purged, and must not come back
    token:HASH  JSON    tokens:KIND:OWNER  those of an owner, by when they were made
                        tokens:KIND        everybody's, likewise
    panels:OWNER    hash: name -> JSON
    links:ID    tokens that open it                         ends        tokens by when
    sums:DAY:SCOPE:tokens and :money    hash: key -> sum        days        by number
    secret:DAY  halt  seq  born
    fence:PROCESS  done:PROCESS         what RedisDatabase.write says
"""

from __future__ import annotations

PREFIX = "rebuttal:"
PINNED = 2**51
"""Added to the number of a pinned debate, so that it stands above all others."""
WRITER_KEPT = 7 * 86_400
"""Seconds after its last write that a process is remembered."""

_COMMON = f"""
local P, PINNED, call = '{PREFIX}', {PINNED}, redis.call
local function at(...) return P .. table.concat({{...}}, ':') end
local function list_in(debate, owner, seq, pinned)
  local score = tonumber(seq) + (pinned == '1' and PINNED or 0)
  call('ZADD', at('all'), score, debate)
  call('ZADD', at('of', owner), score, debate)
end
local function list_out(debate, owner)
  call('ZREM', at('all'), debate)
  call('ZREM', at('of', owner), debate)
end
local function renew(debate, owner, keep)
  for _, name in ipairs({{'debate', 'turns', 'words', 'spent'}}) do
    call('PEXPIRE', at(name, debate), keep)
  end
  call('PEXPIRE', at('of', owner), keep)
end
local function there(debate)
  local found = call('HMGET', at('debate', debate), 'tip', 'owner', 'seq', 'pinned', 'deleted_at')
  if not found[1] or found[5] then return nil end
  return {{tip = found[1], owner = found[2], seq = found[3], pinned = found[4]}}
end
local function changed(debate) call('HINCRBY', at('debate', debate), 'version', 1) end
local function keep_turn(debate, id, json, words)
  local number = call('HINCRBY', at('debate', debate), 'count', 1)
  call('HSET', at('turns', debate), id, number .. ':' .. json)
  call('HSET', at('words', debate), id, words)
end
local function has_turn(debate, id) return call('HEXISTS', at('turns', debate), id) == 1 end
local function drop_token(hash)
  local json = call('GET', at('token', hash))
  if not json then return end
  local token = cjson.decode(json)
  call('DEL', at('token', hash))
  call('ZREM', at('ends'), hash)
  call('ZREM', at('tokens', token.kind, token.owner), hash)
  call('ZREM', at('tokens', token.kind), hash)
  if type(token.debate_id) == 'string' then call('SREM', at('links', token.debate_id), hash) end
end
local function forget(debate)
  local owner = call('HGET', at('owners'), debate)
  if owner then list_out(debate, owner) end
  for _, hash in ipairs(call('SMEMBERS', at('links', debate))) do drop_token(hash) end
  for _, name in ipairs({{'debate', 'turns', 'words', 'spent', 'links'}}) do
    call('DEL', at(name, debate))
  end
  call('ZREM', at('kept'), debate)
  call('ZREM', at('deleted'), debate)
  call('HDEL', at('owners'), debate)
end
"""

_PLAIN = """
local function arg(number) return ARGV[number] end
local function done() end
"""

_NUMBERED = f"""
local function arg(number) return ARGV[number + 5] end
local NUMBER, OLDEST, GENERATION, PROCESS, BORN = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
if BORN ~= '' and call('GET', at('born')) ~= BORN then return {{'forgot'}} end
local fence = call('GET', at('fence', PROCESS))
if fence and tonumber(fence) > tonumber(GENERATION) then return {{'fenced'}} end
if call('ZSCORE', at('done', PROCESS), NUMBER) then return {{'again'}} end
local function done()
  local key = at('done', PROCESS)
  call('ZADD', key, NUMBER, NUMBER)
  call('ZREMRANGEBYSCORE', key, '-inf', '(' .. OLDEST)
  call('EXPIRE', key, {WRITER_KEPT})
end
"""


def numbered(body: str) -> str:
    """The script of a write that counts once, however often it is sent; see RedisDatabase."""
    return _COMMON + _NUMBERED + body


def plain(body: str) -> str:
    """The script of what may as well be done twice."""
    return _COMMON + _PLAIN + body


MARK = numbered("done() return {'ok'}")
"""This number is done."""

# keep, moment, how many; of each: id owner body tip finished title pinned, words of topic and of
# title, how many turns; of each turn: id json words
ADD = numbered("""
local keep, moment, many = arg(1), arg(2), tonumber(arg(3))
local i = 4
for _ = 1, many do
  if call('EXISTS', at('debate', arg(i))) == 1 then return {'taken', arg(i)} end
  i = i + 10 + 3 * tonumber(arg(i + 9))
end
done()
i = 4
for _ = 1, many do
  local debate, owner, turns = arg(i), arg(i + 1), tonumber(arg(i + 9))
  local seq = call('INCR', at('seq'))
  for _, name in ipairs({'turns', 'words'}) do call('DEL', at(name, debate)) end
  call('HSET', at('debate', debate), 'owner', owner, 'body', arg(i + 2), 'tip', arg(i + 3),
    'finished', arg(i + 4), 'title', arg(i + 5), 'pinned', arg(i + 6), 'seq', seq,
    'version', 0, 'count', 0, 'kept_at', moment)
  call('HSET', at('words', debate), ':topic', arg(i + 7), ':title', arg(i + 8))
  i = i + 10
  for _ = 1, turns do
    keep_turn(debate, arg(i), arg(i + 1), arg(i + 2))
    i = i + 3
  end
  call('HSET', at('owners'), debate, owner)
  call('ZADD', at('kept'), moment, debate)
  call('DEL', at('gone', debate))
  list_in(debate, owner, seq, call('HGET', at('debate', debate), 'pinned'))
  renew(debate, owner, keep)
end
return {'ok'}
""")

# keep, moment, debate, id, parent, json, words, finished
TURN = numbered("""
local debate, id = arg(3), arg(4)
local found = there(debate)
if not found then return {'missing'} end
if found.tip ~= arg(5) then return {'stale'} end
if has_turn(debate, id) then return {'taken'} end
done()
keep_turn(debate, id, arg(6), arg(7))
changed(debate)
call('HSET', at('debate', debate), 'tip', id, 'finished', arg(8), 'kept_at', arg(2))
call('ZADD', at('kept'), arg(2), debate)
renew(debate, found.owner, arg(1))
return {'ok', tostring(call('HLEN', at('turns', debate)))}
""")

# debate, tip, expected, finished
TIP = numbered("""
local debate, tip = arg(1), arg(2)
local found = there(debate)
if not found then return {'missing'} end
if not has_turn(debate, tip) then return {'no turn'} end
if found.tip ~= arg(3) then return {'stale'} end
done()
call('HSET', at('debate', debate), 'tip', tip, 'finished', arg(4))
changed(debate)
return {'ok'}
""")

# keep, moment or empty, debate, version, how many turns to keep; of each: id, number or empty,
# json, words; how many to forget, their ids
_PUT = """
local debate = arg(3)
local state = call('HMGET', at('debate', debate), 'version', 'owner')
if state[1] ~= arg(4) then return {'moved'} end
done()
local i = 6
for _ = 1, tonumber(arg(5)) do
  if arg(i + 1) == '' then
    keep_turn(debate, arg(i), arg(i + 2), arg(i + 3))
  else
    call('HSET', at('turns', debate), arg(i), arg(i + 1) .. ':' .. arg(i + 2))
    call('HSET', at('words', debate), arg(i), arg(i + 3))
  end
  i = i + 4
end
for gone = i + 1, i + tonumber(arg(i)) do
  call('HDEL', at('turns', debate), arg(gone))
  call('HDEL', at('words', debate), arg(gone))
end
changed(debate)
if arg(2) ~= '' then
  call('HSET', at('debate', debate), 'kept_at', arg(2))
  call('ZADD', at('kept'), arg(2), debate)
  renew(debate, state[2], arg(1))
end
return {'ok'}
"""
PUT = numbered(_PUT)
PUT_AGAIN = plain(_PUT)

# debate, whether there is a title, title, its words, pinned or empty
CHANGE = numbered("""
local debate = arg(1)
local found = there(debate)
if not found then return {'missing'} end
done()
if arg(2) == '1' then
  call('HSET', at('debate', debate), 'title', arg(3))
  call('HSET', at('words', debate), ':title', arg(4))
end
if arg(5) ~= '' then
  call('HSET', at('debate', debate), 'pinned', arg(5))
  list_in(debate, found.owner, found.seq, arg(5))
end
return {'ok'}
""")

# moment, ids
HIDE = numbered("""
done()
for i = 2, #ARGV do
  local debate = arg(i)
  local found = debate and there(debate)
  if found then
    call('HSET', at('debate', debate), 'deleted_at', arg(1))
    call('ZADD', at('deleted'), arg(1), debate)
    list_out(debate, found.owner)
  end
end
return {'ok'}
""")

# ids
RESTORE = numbered("""
done()
for i = 1, #ARGV do
  local debate = arg(i)
  local key = debate and at('debate', debate)
  if key and call('HDEL', key, 'deleted_at') == 1 then
    call('ZREM', at('deleted'), debate)
    local found = there(debate)
    list_in(debate, found.owner, found.seq, found.pinned)
    local left = call('PTTL', key)
    if left > call('PTTL', at('of', found.owner)) then
      call('PEXPIRE', at('of', found.owner), left)
    end
  end
end
return {'ok'}
""")

# keep, older than or empty, deleted before, ids
PURGE = plain("""
local many = 0
for i = 4, #ARGV do
  local debate = arg(i)
  local state = call('HMGET', at('debate', debate), 'kept_at', 'deleted_at')
  local old = state[1] and arg(2) ~= '' and tonumber(state[1]) < tonumber(arg(2))
  local deleted = state[2] and tonumber(state[2]) < tonumber(arg(3))
  if old or deleted then
    forget(debate)
    call('SET', at('gone', debate), '', 'PX', arg(1))
    many = many + 1
  end
end
return {tostring(many)}
""")

# last moment: forget what has expired of the debates kept until then
SWEEP = plain("""
local many = 0
for _, debate in ipairs(call('ZRANGEBYSCORE', at('kept'), '-inf', arg(1), 'LIMIT', 0, 200)) do
  if call('EXISTS', at('debate', debate)) == 0 then
    forget(debate)
    many = many + 1
  end
end
return {tostring(many)}
""")

# ids that were listed and not found
EXPIRED = plain("""
for i = 1, #ARGV do
  if call('EXISTS', at('debate', arg(i))) == 0 then forget(arg(i)) end
end
return {'ok'}
""")

# hash, kind, owner, debate or empty, json, when it ends or empty
TOKEN = numbered("""
local hash, kind, owner, debate = arg(1), arg(2), arg(3), arg(4)
if call('EXISTS', at('token', hash)) == 1 then return {'taken'} end
if debate ~= '' and call('EXISTS', at('debate', debate)) == 0 then return {'missing'} end
done()
if kind == 'session' then
  for _, earlier in ipairs(call('ZRANGE', at('tokens', kind, owner), 0, -1)) do
    drop_token(earlier)
  end
end
local seq = call('INCR', at('seq'))
call('SET', at('token', hash), arg(5))
if arg(6) ~= '' then call('ZADD', at('ends'), arg(6), hash) end
call('ZADD', at('tokens', kind, owner), seq, hash)
call('ZADD', at('tokens', kind), seq, hash)
if debate ~= '' then call('SADD', at('links', debate), hash) end
return {'ok'}
""")

# hash
DROP_TOKEN = numbered("done() drop_token(arg(1)) return {'ok'}")

# moment: forget tokens that ended before
DROP_ENDED = plain("""
for _, hash in ipairs(call('ZRANGEBYSCORE', at('ends'), '-inf', '(' .. arg(1))) do
  drop_token(hash)
end
return {'ok'}
""")

# owner, name, json
PUT_PANEL = numbered("""
done()
call('HSET', at('panels', arg(1)), arg(2), arg(3))
return {'ok'}
""")
RESTORE_PANEL = numbered("""
done()
call('HSETNX', at('panels', arg(1)), arg(2), arg(3))
return {'ok'}
""")

# owner, name
DROP_PANEL = numbered("done() call('HDEL', at('panels', arg(1)), arg(2)) return {'ok'}")
