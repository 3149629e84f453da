"""The index of words that a search reads: FTS5 on SQLite, a tsvector with GIN on PostgreSQL.

A debate is one document, by its ``seq``: the words of topic, title and all turns, each once, their
short beginnings, and markers for what a search is narrowed by. The databases' own ways to split a
text into words are not asked: both find the same.

On SQLite the table of FTS5 keeps postings alone: a word, and where it stands. A word that a debate
has already is never added again, and only words that it has are taken away; so a turn costs its
new words, however long the debate is. Which words a debate has is in ``debate_words``.
"""

from __future__ import annotations

import zlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from rebuttal.stores.sql_rows import DEBATE_WORDS
from rebuttal.stores.sql_terms import MARK, Sought, fitting
from rebuttal.stores.storable import MAX_INT

FTS = "debate_index"
CREATE_FTS = (
    f"CREATE VIRTUAL TABLE {FTS} USING fts5(words, content='', columnsize=0, detail=none, "
    "tokenize=\"ascii tokenchars ':^'\")"
)
MOST_BYTES = 600_000
"""Of a document as PostgreSQL prints it, to which no words come any more. It ends at a megabyte."""
BLOCK = 4096
"""Debates that PostgreSQL looks among first, the newest, and as many before them.

What stands in many debates stands in many of these; to sort all of them would take longer.
"""
MANY = 5
"""Terms that seldom stand together."""
MERGED = 200
"""Pages of the index that one step of ``tidy`` writes."""

_C = DEBATE_WORDS.c


class Index(ABC):
    """The documents of debates. Every method is part of the transaction it is called in."""

    @abstractmethod
    def put(self, connection: sa.Connection, seq: int, terms: AbstractSet[str]) -> None:
        """These are the terms of that debate now; beginnings of words are added here."""

    @abstractmethod
    def add(
        self,
        connection: sa.Connection,
        seq: int,
        terms: AbstractSet[str],
        gone: AbstractSet[str] = frozenset(),
    ) -> None:
        """These come to what it has, and those ``gone``, which are markers, are no more."""

    def drop(self, connection: sa.Connection, seqs: Sequence[int]) -> None:
        """Forget the documents of these debates."""
        connection.execute(sa.delete(DEBATE_WORDS).where(_C.seq.in_(seqs)))

    def tidy(self, connection: sa.Connection, begin: bool) -> bool:
        """A step of forgetting for good what was dropped; whether there is more to do."""
        return False

    def among(
        self, connection: sa.Connection, sought: Sought, seqs: Sequence[int]
    ) -> list[int] | None:
        """Those found of these few; None where ``newest`` is as fast."""
        return None

    @abstractmethod
    def newest(
        self, connection: sa.Connection, sought: Sought, before: int | None, most: int
    ) -> list[int]:
        """Those found last of those kept before that one, the newest first."""


class SqliteIndex(Index):
    """On FTS5."""

    def put(self, connection: sa.Connection, seq: int, terms: AbstractSet[str]) -> None:
        kept = connection.scalar(_words_of(seq))
        if kept is None:
            connection.execute(sa.insert(DEBATE_WORDS).values(seq=seq, words=b""))
        self._change(connection, seq, kept or b"", lambda _: fitting(terms))

    def add(
        self,
        connection: sa.Connection,
        seq: int,
        terms: AbstractSet[str],
        gone: AbstractSet[str] = frozenset(),
    ) -> None:
        kept = connection.scalar(_words_of(seq)) or b""
        self._change(
            connection, seq, kept, lambda held: (held | fitting(terms - held, held)) - gone
        )

    def _change(
        self,
        connection: sa.Connection,
        seq: int,
        kept: bytes,
        change: Callable[[set[str]], set[str]],
    ) -> None:
        held = _unpacked(kept)
        terms = change(held)
        new, gone = terms - held, held - terms
        if not new and not gone:
            return
        packed = _packed(terms) if gone else kept + _packed(new)
        of_debate = sa.update(DEBATE_WORDS).where(_C.seq.in_([seq]))
        connection.execute(of_debate.values(words=packed))
        if gone:
            _take_away(connection, seq, gone)
        # FTS5 counts documents and refuses to take more away than came, so one comes in any case.
        connection.exec_driver_sql(
            f"INSERT INTO {FTS}(rowid, words) VALUES (?, ?)", (seq, " ".join(sorted(new)))
        )

    def drop(self, connection: sa.Connection, seqs: Sequence[int]) -> None:
        query = sa.select(_C.seq, _C.words).where(_C.seq.in_(seqs))
        for seq, packed in connection.execute(query).all():
            _take_away(connection, seq, _unpacked(packed))
        super().drop(connection, seqs)

    def tidy(self, connection: sa.Connection, begin: bool) -> bool:
        # A word stays in the file until its page is written anew, which merging does. Below zero
        # it begins with everything there is. Of the changes it counts, the statement is one.
        changes = "SELECT total_changes()"
        before = connection.exec_driver_sql(changes).scalar_one()
        pages = -MERGED if begin else MERGED
        connection.exec_driver_sql(f"INSERT INTO {FTS}({FTS}, rank) VALUES ('merge', ?)", (pages,))
        return bool(connection.exec_driver_sql(changes).scalar_one() - before > 1)

    def newest(
        self, connection: sa.Connection, sought: Sought, before: int | None, most: int
    ) -> list[int]:
        older = "" if before is None else "AND rowid < :before"
        query = sa.text(
            f"SELECT rowid FROM {FTS} WHERE {FTS} MATCH :sought {older} "
            "ORDER BY rowid DESC LIMIT :most"
        )
        given = {"sought": _fts_query(sought), "before": before, "most": most}
        return list(connection.scalars(query, given))


class PostgresIndex(Index):
    """On a tsvector. The rows of its table are short, so that very many are read at once."""

    def put(self, connection: sa.Connection, seq: int, terms: AbstractSet[str]) -> None:
        vector = _vector(fitting(terms | {_block(seq)}))
        insert = postgresql.insert(DEBATE_WORDS).values(seq=seq, words=vector)
        connection.execute(
            insert.on_conflict_do_update(index_elements=[_C.seq], set_={"words": vector})
        )

    def add(
        self,
        connection: sa.Connection,
        seq: int,
        terms: AbstractSet[str],
        gone: AbstractSet[str] = frozenset(),
    ) -> None:
        # The server puts them together: to fetch a long document and send it back takes longer.
        room = sa.func.octet_length(sa.cast(_C.words, sa.Text)) < MOST_BYTES
        more = sa.func.ts_delete(_C.words, _array(gone)).op("||")(_vector(fitting(terms)))
        of_debate = sa.update(DEBATE_WORDS).where(_C.seq.in_([seq]), room)
        connection.execute(of_debate.values(words=more))

    def newest(
        self, connection: sa.Connection, sought: Sought, before: int | None, most: int
    ) -> list[int]:
        # The planner takes words for cheap to look at and walks through every debate instead.
        connection.execute(sa.text("SET LOCAL enable_seqscan = off"))
        # Debates of a time are few, or not the newest, and so are those that hold many words.
        if not sought.any and len(sought.all) <= MANY:
            last = connection.scalar(sa.select(sa.func.max(_C.seq)))
            end = min(last or 0, (before or MAX_INT) - 1)
            blocks = (_block(end), _block(end - BLOCK))
            found = self._found(connection, replace(sought, any=(blocks,)), before, most)
            if len(found) == most:
                return found
        return self._found(connection, sought, before, most)

    def among(self, connection: sa.Connection, sought: Sought, seqs: Sequence[int]) -> list[int]:
        query = sa.text(
            "SELECT seq FROM (SELECT seq, words FROM debate_words WHERE seq = ANY(:seqs) OFFSET 0)"
            " AS few WHERE words @@ CAST(:sought AS tsquery)"
        )
        given = {"seqs": list(seqs), "sought": _ts_query(sought)}
        return list(connection.scalars(query, given)) if seqs else []

    def _found(
        self, connection: sa.Connection, sought: Sought, before: int | None, most: int
    ) -> list[int]:
        older = "" if before is None else "WHERE seq < :before"
        query = sa.text(
            "SELECT seq FROM (SELECT seq FROM debate_words "
            "WHERE words @@ CAST(:sought AS tsquery) OFFSET 0) AS found "
            f"{older} ORDER BY seq DESC LIMIT :most"
        )
        given = {"sought": _ts_query(sought), "before": before, "most": most}
        return list(connection.scalars(query, given))


def index_on(backend: str) -> Index:
    """The index of that kind of database."""
    return SqliteIndex() if backend == "sqlite" else PostgresIndex()


def _take_away(connection: sa.Connection, seq: int, terms: set[str]) -> None:
    connection.exec_driver_sql(
        f"INSERT INTO {FTS}({FTS}, rowid, words) VALUES ('delete', ?, ?)",
        (seq, " ".join(sorted(terms))),
    )


def _block(seq: int) -> str:
    return f"{MARK}b{max(seq, 0) // BLOCK}"


def _words_of(seq: int) -> sa.Select[Any]:
    return sa.select(_C.words).where(_C.seq.in_([seq]))


def _packed(terms: set[str]) -> bytes:
    return zlib.compress(" ".join(sorted(terms)).encode(), 1)


def _unpacked(packed: bytes) -> set[str]:
    """Terms that were packed at several times, one behind the other."""
    terms: set[str] = set()
    while packed:
        part = zlib.decompressobj()
        terms.update(part.decompress(packed).decode().split())
        packed = part.unused_data
    return terms


def _array(terms: AbstractSet[str]) -> sa.ColumnElement[Any]:
    return sa.cast(sorted(terms), postgresql.ARRAY(sa.Text))


def _vector(terms: AbstractSet[str]) -> sa.ColumnElement[Any]:
    return sa.func.array_to_tsvector(_array(terms))


def _fts_query(sought: Sought) -> str:
    parts = [f'"{term}"' for term in sorted(sought.all)]
    parts += [f'"{sought.begins}"*'] if sought.begins else []
    parts += ["(" + " OR ".join(f'"{term}"' for term in terms) + ")" for terms in sought.any]
    without = " OR ".join(f'"{term}"' for term in sorted(sought.no))
    return f"({' AND '.join(parts)})" + (f" NOT ({without})" if without else "")


def _ts_query(sought: Sought) -> str:
    parts = [f"'{term}'" for term in sorted(sought.all)]
    parts += [f"'{sought.begins}':*"] if sought.begins else []
    parts += ["(" + " | ".join(f"'{term}'" for term in terms) + ")" for terms in sought.any]
    parts += [f"!'{term}'" for term in sorted(sought.no)]
    return " & ".join(parts)
