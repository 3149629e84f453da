"""For each route what one may send and what comes back, shown in the description."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

DEBATE = "Vn3pXw8kS1yq0dJm7TzRbA"
TURN = "h2kQ9sVbTn6LxYw0eUfR4g"
TOPIC = "c8Jd5mZqT0uKe3WvPyRa1Q"
HASH = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
AT = "2026-11-20T12:00:00Z"
BUILT_IN = "SmolLM2"

SEAT: dict[str, Any] = {"persona": "cynic", "model": BUILT_IN, "stance": "for"}
SEATS = [SEAT, {"persona": "rational", "model": BUILT_IN, "stance": "against"}]
CHAIR = {"persona": "polite", "model": BUILT_IN}
PERSONA = {
    "key": "cynic",
    "name": "Cynic",
    "instructions": "You speak with dry, sharp realism.",
    "description": "Dry, sharp realism",
    "temperature": 0.8,
    "colour": "#8a6d1f",
    "emoji": "🥃",
}
DEBATER = {
    "seat": "seat1",
    "name": "Cynic",
    "persona": PERSONA,
    "model": BUILT_IN,
    "stance": "for",
    "temperature": None,
    "max_tokens": None,
    "sampling": {"temperature": 0.8, "top_p": 0.95, "max_tokens": 220, "reasoning": None},
    "digest": None,
}
KEPT = {
    "id": DEBATE,
    "topic": "Should cats vote?",
    "debaters": [DEBATER],
    "rounds": 1,
    "language": "English",
    "seed": None,
    "tip": TURN,
    "title": None,
    "pinned": False,
    "finished": True,
    "forked_from": None,
    "rerun_of": None,
    "imported_at": None,
    "owner": "",
    "own_keys": [],
    "created_at": AT,
}
SPOKEN = {
    "id": TURN,
    "parent_id": TOPIC,
    "speaker": "seat1",
    "text": "Cats have ruled for millennia without the bother of a ballot.",
    "rounds": 0,
    "debaters": None,
    "persona": "cynic",
    "model": BUILT_IN,
    "edited_from": None,
    "finish": "stop",
    "usage": {
        "prompt_tokens": 184,
        "completion_tokens": 14,
        "cached_tokens": None,
        "evaluated_tokens": 184,
    },
    "timings": {"first_token": 0.21, "total": 0.42},
    "created_at": AT,
}
ASKED = {
    **SPOKEN,
    "id": TOPIC,
    "parent_id": None,
    "speaker": "user",
    "text": "Should cats vote?",
    "rounds": 1,
    "persona": None,
    "model": None,
    "usage": None,
    "timings": None,
}
TURNS = {"items": [ASKED, SPOKEN]}
RUNS = {"id": DEBATE, "state": "running", "tip": TURN}
RESTS = {**RUNS, "state": "paused"}
BEGUN = {"id": DEBATE, "state": "running", "debate": {**KEPT, "tip": TOPIC, "finished": False}}
EVENTS = f"""\
id: {TOPIC}.{TURN}.seat1.1.4.0.ec70380c
event: turn_delta
data: {{"kind":"turn_delta","seat":"seat1","text":"Cats","reasoning":""}}

"""
WHO = {"conversation_id": DEBATE, "model": BUILT_IN, "persona": "polite"}
STATE = {
    "label": BUILT_IN,
    "endpoint": "Built-in",
    "model": "smollm2-135m",
    "usable": True,
    "reason": "",
    "loaded": True,
    "can_pull": False,
    "can_unload": True,
    "size": 98362432,
    "context": 8192,
}
INFO = {
    "label": BUILT_IN,
    "endpoint": "Built-in",
    "model": "smollm2-135m",
    "state": "loaded",
    "reason": "",
    "device": None,
    "memory": 290455552,
    "gpu_memory": None,
    "context": 8192,
    "max_context": 8192,
    "size": 98362432,
}
MADE = {
    "hash": HASH,
    "name": "notes",
    "powers": ["read", "debate"],
    "operator": False,
    "created_at": AT,
    "expires_at": None,
}
PANEL = {"name": "three", "seats": SEATS, "rounds": 2, "chair": CHAIR, "language": "English"}
_DEBATE = "/debates/{debate_id}"

_OF_DEBATES: dict[tuple[str, str], tuple[object, object]] = {
    ("post", "/debates"): ({"topic": "Should cats vote?", "seats": SEATS, "rounds": 1}, BEGUN),
    ("get", "/debates"): (
        None,
        {"items": [{"debate": KEPT, "turns": 2, "excerpt": "", "running": False}], "next": "0-17"},
    ),
    ("get", _DEBATE): (None, {"debate": KEPT, "state": "finished"}),
    ("get", f"{_DEBATE}/origin"): (None, KEPT),
    ("get", f"{_DEBATE}/turns"): (None, TURNS),
    ("get", f"{_DEBATE}/tree"): (None, TURNS),
    ("get", f"{_DEBATE}/events"): (None, EVENTS),
    ("get", f"{_DEBATE}/export"): (None, "# Should cats vote?\n"),
    ("patch", _DEBATE): ({"title": "Cats", "pinned": True}, {**KEPT, "title": "Cats"}),
    ("post", f"{_DEBATE}/undelete"): (None, RESTS),
    ("post", f"{_DEBATE}/say"): ({"text": "And dogs?", "rounds": 1}, RUNS),
    ("post", f"{_DEBATE}/run"): ({}, RUNS),
    ("post", f"{_DEBATE}/resume"): ({}, RUNS),
    ("post", f"{_DEBATE}/stop"): (None, RESTS),
    ("post", f"{_DEBATE}/pause"): (None, RUNS),
    ("post", f"{_DEBATE}/regenerate"): ({"turn_id": TURN}, RUNS),
    ("post", f"{_DEBATE}/branch"): ({"after": TOPIC, "text": "Be brief.", "rounds": 1}, RUNS),
    ("post", f"{_DEBATE}/edit"): ({"turn_id": TURN, "text": "Cats abstain."}, RUNS),
    ("post", f"{_DEBATE}/choose"): ({"turn_id": TURN}, RESTS),
    ("post", f"{_DEBATE}/rerun"): ({"rounds": 2, "seats": {"seat1": SEAT}}, BEGUN),
}
_OF_THE_REST: dict[tuple[str, str], tuple[object, object]] = {
    ("post", "/chat"): (
        {"message": "What is a quorum?", "model": BUILT_IN, "stream": False},
        {
            **WHO,
            "text": "The least number of members who have to be there.",
            "finish": "stop",
            "generation_time": 0.7,
            "usage": None,
            "turn_id": TURN,
        },
    ),
    ("post", "/chat/new"): ({"model": BUILT_IN, "persona": "rational"}, WHO),
    ("get", "/chat/models"): (
        None,
        {"items": [STATE], "personas": [PERSONA], "model": BUILT_IN, "persona": "rational"},
    ),
    ("post", "/chat/switch-model"): ({"conversation_id": DEBATE, "model": BUILT_IN}, WHO),
    ("get", "/chat/conversation/{conversation_id}"): (
        None,
        {
            **WHO,
            "title": "What is a quorum?",
            "state": "finished",
            "created_at": AT,
            "messages": [
                {
                    "role": "user",
                    "content": "What is a quorum?",
                    "turn_id": TOPIC,
                    "created_at": AT,
                }
            ],
        },
    ),
    ("post", "/generate"): (
        {"prompt": "A line about rain.", "max_tokens": 32, "stream": False},
        {
            "text": "It asks nobody, and everybody answers.",
            "reasoning": "",
            "model": BUILT_IN,
            "finish": "stop",
            "generation_time": 0.3,
            "usage": None,
        },
    ),
    ("get", "/models"): (None, {"items": [STATE]}),
    ("get", "/endpoints"): (
        None,
        {"items": [{"name": "Built-in", "address": "", "usable": True, "reason": ""}]},
    ),
    ("get", "/personas"): (None, {"items": [PERSONA]}),
    ("get", "/model-info"): (None, INFO),
    ("post", "/models/pull"): ({"model": BUILT_IN, "stream": False}, INFO),
    ("post", "/load-model"): ({"model": BUILT_IN, "stream": False}, INFO),
    ("post", "/unload-model"): ({"model": BUILT_IN}, INFO),
    ("get", "/health"): (None, {"status": "ok", "queue": True, "store": True, "lag_ms": 1}),
    ("get", "/panels"): (None, {"items": [PANEL]}),
    ("get", "/panels/{name}"): (None, PANEL),
    ("put", "/panels/{name}"): ({"seats": SEATS, "rounds": 2, "chair": CHAIR}, PANEL),
    ("post", "/panels/{name}/ask"): (
        {"question": "Should we rent or buy?", "stream": False},
        {"id": DEBATE, "answer": "Rent, until you know.", "turn": SPOKEN, "usage": None},
    ),
    ("get", "/tokens"): (None, {"items": [MADE]}),
    ("post", "/tokens"): (
        {"name": "notes", "powers": ["read", "debate"]},
        {"secret": "rebuttal-...", "token": MADE},
    ),
}
EXAMPLES: Mapping[tuple[str, str], tuple[object, object]] = {**_OF_DEBATES, **_OF_THE_REST}
"""By method and path: None where there is nothing, or the schema says enough."""
