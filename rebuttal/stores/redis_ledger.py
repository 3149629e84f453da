"""Ledger on Redis: a script looks into every purse and takes from all of them, or from none."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Sequence
from datetime import date, timedelta

from rebuttal.stores.base import NOTHING, SCOPES, Cost, Figures, Lack, Purse
from rebuttal.stores.redis_database import Client, RedisDatabase, key
from rebuttal.stores.redis_scripts import numbered, plain

KEPT_DAYS = 2
"""Today, and yesterday for turns that began before midnight."""

_PURSES = """
local function sums(i)
  local scope, whose, day = arg(i), arg(i + 1), arg(i + 2)
  if scope == 'debate' then
    local name = at('spent', whose)
    return name, 'tokens', name, 'money'
  end
  return at('sums', day, scope, 'tokens'), whose, at('sums', day, scope, 'money'), whose
end
local function raise(i, tokens, money, keep)
  local one, its, other, own = sums(i)
  local spent = {call('HINCRBY', one, its, tokens), call('HINCRBY', other, own, money)}
  if arg(i) == 'debate' then
    call('PEXPIRE', one, keep)
  else
    call('ZADD', at('days'), string.gsub(arg(i + 2), '-', ''), arg(i + 2))
  end
end
local function spent(i)
  local one, its, other, own = sums(i)
  return call('HGET', one, its) or '0', call('HGET', other, own) or '0'
end
"""

# keep, tokens, money, tokens and money that must be there, how many purses; of each: scope key day,
# and what it holds in tokens and money, or empty
_RESERVE = numbered(
    _PURSES
    + """
local function fits(held, need, limit)
  return limit == '' or tonumber(held) + tonumber(need) <= tonumber(limit)
end
local last = 7 + 5 * (tonumber(arg(6)) - 1)
for i = 7, last, 5 do
  local tokens, money = spent(i)
  if not (fits(tokens, arg(4), arg(i + 3)) and fits(money, arg(5), arg(i + 4))) then
    return {'lack', tostring((i - 7) / 5), tokens, money}
  end
end
done()
local answer = {'ok'}
for i = 7, last, 5 do
  raise(i, arg(2), arg(3), arg(1))
  local tokens, money = spent(i)
  answer[#answer + 1] = tokens
  answer[#answer + 1] = money
end
return answer
"""
)

# keep, how many purses; of each: scope key day, and what it rises by in tokens and money
_RAISE = numbered(
    _PURSES
    + """
done()
for i = 3, 3 + 5 * (tonumber(arg(2)) - 1), 5 do raise(i, arg(i + 3), arg(i + 4), arg(1)) end
return {'ok'}
"""
)

# day, secret, the first day that is kept, as a number
_SECRET = plain("""
if not call('SET', at('secret', arg(1)), arg(2), 'NX') then
  return {call('GET', at('secret', arg(1)))}
end
call('ZADD', at('days'), string.gsub(arg(1), '-', ''), arg(1))
for _, day in ipairs(call('ZRANGEBYSCORE', at('days'), '-inf', '(' .. arg(3))) do
  call('DEL', at('secret', day))
  for _, scope in ipairs({'visitor', 'network', 'app'}) do
    call('DEL', at('sums', day, scope, 'tokens'), at('sums', day, scope, 'money'))
  end
  call('ZREM', at('days'), day)
end
return {arg(2)}
""")

_HALT = numbered("done() call('SET', at('halt'), arg(1)) return {'ok'}")
_GO_ON = numbered("done() call('DEL', at('halt')) return {'ok'}")

Told = Callable[[Purse, Cost], None]


class RedisLedger:
    """Sums in Redis; Ledger describes the methods. ``told`` hears what is spent of a purse.

    ``number`` is that of the one write it is for.
    """

    def __init__(
        self, database: RedisDatabase, number: int | None = None, told: Told | None = None
    ) -> None:
        self.told = told
        self._database = database
        self._number = number

    async def reserve(
        self, purses: Sequence[Purse], cost: Cost, room: Cost = NOTHING
    ) -> Lack | None:
        ordered = sorted(purses, key=lambda purse: SCOPES.index(purse.scope))
        need = cost + room
        limits = [(purse, _limit(purse.tokens), _limit(purse.money)) for purse in ordered]
        sums = cost.tokens, cost.money, need.tokens, need.money
        answer = await self._write(
            _RESERVE, self._database.keep_ms, *map(str, sums), *_purse_args(limits)
        )
        if answer[0] == "lack":
            purse, spent = ordered[int(answer[1])], Cost(int(answer[2]), int(answer[3]))
            self._tell(purse, spent)
            return Lack(purse, spent, need)
        # Done already, it answers with no sums.
        for purse, tokens, money in zip(ordered, answer[1::2], answer[2::2], strict=False):
            self._tell(purse, Cost(int(tokens), int(money)))
        return None

    async def settle(self, purses: Sequence[Purse], reserved: Cost, cost: Cost) -> None:
        await self.raise_sums([(purse, cost - reserved) for purse in purses])

    async def raise_sums(self, sums: Iterable[tuple[Purse, Cost]]) -> None:
        """So much more is spent of each purse, whatever it holds."""
        rises = [(purse, str(by.tokens), str(by.money)) for purse, by in sums]
        await self._write(_RAISE, self._database.keep_ms, *_purse_args(rises))

    async def secret(self, day: date) -> bytes:
        first = (day - timedelta(days=KEPT_DAYS - 1)).strftime("%Y%m%d")
        new = secrets.token_hex(32)
        answer = await self._database.run(_SECRET, day.isoformat(), new, first)
        return bytes.fromhex(answer[0])

    async def keep_secret(self, day: date, secret: bytes) -> None:
        """That of a day for which there is none yet."""
        await self._database.run(_SECRET, day.isoformat(), secret.hex(), "0")

    async def figures(self, day: date) -> dict[str, Figures]:
        scopes = [scope for scope in SCOPES if scope != "debate"]

        async def work(redis: Client) -> list[dict[str, str]]:
            async with redis.pipeline(transaction=True) as pipeline:
                for scope in scopes:
                    for what in ("tokens", "money"):
                        pipeline.hgetall(key("sums", day.isoformat(), scope, what))
                found: list[dict[str, str]] = await pipeline.execute()
                return found

        found = await self._database.read(work)
        rows = zip(scopes, found[::2], found[1::2], strict=True)
        return {scope: _figures(tokens, money) for scope, tokens, money in rows if tokens}

    async def halt(self, reason: str) -> None:
        await self._write(_HALT, reason)

    async def go_on(self) -> None:
        await self._write(_GO_ON)

    async def halted(self) -> str | None:
        return await self._database.read(lambda redis: redis.get(key("halt")))

    async def _write(self, script: str, *args: str) -> list[str]:
        number = self._number or self._database.next_number()
        return await self._database.write(script, *args, number=number)

    def _tell(self, purse: Purse, spent: Cost) -> None:
        if self.told:
            self.told(purse, spent)


def _limit(limit: int | None) -> str:
    return "" if limit is None else str(limit)


def _purse_args(purses: Sequence[tuple[Purse, str, str]]) -> list[str]:
    parts = ((purse.scope, purse.key, purse.day, one, other) for purse, one, other in purses)
    return [str(len(purses)), *(part for purse in parts for part in purse)]


def _figures(tokens: dict[str, str], money: dict[str, str]) -> Figures:
    many, dear = [list(map(int, sums.values())) for sums in (tokens, money)]
    return Figures(len(many), Cost(sum(many), sum(dear)), Cost(max(many), max(dear)))
