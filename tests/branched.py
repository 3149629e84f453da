"""A debate with branches, an edit, a table that changes and a cut turn, for tests of documents."""

from __future__ import annotations

from datetime import UTC, datetime

from rebuttal.records import USER, Debate, Debater, Persona, Sampling, Timings, Turn, Usage

NOON = datetime(2026, 11, 20, 12, 0, 0, 123456, tzinfo=UTC)


def sitting(seat: str, name: str, stance: str | None = None, colour: str | None = None) -> Debater:
    """A debater with everything that can be said of one."""
    persona = Persona(
        key=name.lower(), name=name, instructions=f"Be {name}.", colour=colour, emoji="🦉"
    )
    return Debater(
        seat=seat,
        name=name,
        persona=persona,
        model="SmolLM2 | built in",
        stance=stance,
        temperature=0.7,
        sampling=Sampling(temperature=0.7, top_p=0.9, max_tokens=300, reasoning="low"),
        digest="sha256:" + "ab" * 32,
    )


OWL, SNAKE, SUN = sitting("a", "Owl", "for"), sitting("b", "Snake", "against"), sitting("c", "Sun")


def said(key: str, parent: str | None, speaker: str, text: str, **fields: object) -> Turn:
    """A turn, a debater's with model, tokens and times."""
    spoken = {
        "model": "SmolLM2 | built in",
        "persona": "owl",
        "usage": Usage(prompt_tokens=120, completion_tokens=37, cached_tokens=90),
        "timings": Timings(first_token=0.125, total=2.25),
    }
    given = {"id": key, "parent_id": parent, "speaker": speaker, "text": text, "created_at": NOON}
    return Turn.model_validate({**given, **({} if speaker == USER else spoken), **fields})


def branched(*texts: str, topic: str = "Is tea better than coffee?") -> tuple[Debate, list[Turn]]:
    """The debate and its tree; ``texts`` take the place of what debaters say, in turn."""
    words = list(texts) or ["Tea is *calm*.", "Coffee is *awake*.", "No.", "Yes.", "So it is."]
    say = [words[at % len(words)] for at in range(8)]
    tree = [
        said("topic", None, USER, topic, rounds=2),
        said("owl-1", "topic", "a", say[0]),
        said("snake-1", "owl-1", "b", say[1], finish="stopped"),
        said("snake-2", "owl-1", "b", say[2], edited_from="snake-1"),
        said("note", "snake-2", USER, say[3]),
        said("owl-2", "note", "a", say[4], edited_from="pruned"),
        said("aside", "snake-1", "a", say[5]),
        said("table", "owl-2", USER, "", rounds=1, debaters=(OWL, SUN)),
        said("sun-1", "table", "c", say[6]),
        said("owl-3", "table", "a", say[7], finish="length"),
    ]
    debate = Debate(
        id="debate",
        topic=topic,
        debaters=(OWL, SNAKE),
        rounds=2,
        language="German",
        seed=7,
        tip="owl-3",
        pinned=True,
        owner="u:anna-of-the-cookie",
        own_keys=("Secret Endpoint",),
        forked_from="of-somebody-else",
        created_at=NOON,
    )
    return debate, tree
