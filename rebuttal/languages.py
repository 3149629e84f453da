"""Languages that the page offers; any other may be typed."""

from __future__ import annotations

LANGUAGES: dict[str, tuple[str, str]] = {
    "English": ("English", "en"),
    "German": ("Deutsch", "de"),
    "French": ("Français", "fr"),
    "Spanish": ("Español", "es"),
    "Italian": ("Italiano", "it"),
    "Portuguese": ("Português", "pt"),
    "Dutch": ("Nederlands", "nl"),
    "Polish": ("Polski", "pl"),
    "Czech": ("Čeština", "cs"),
    "Swedish": ("Svenska", "sv"),
    "Turkish": ("Türkçe", "tr"),
    "Ukrainian": ("Українська", "uk"),
    "Greek": ("Ελληνικά", "el"),
    "Arabic": ("العربية", "ar"),
    "Hebrew": ("עברית", "he"),
    "Hindi": ("हिन्दी", "hi"),
    "Indonesian": ("Bahasa Indonesia", "id"),
    "Vietnamese": ("Tiếng Việt", "vi"),
    "Chinese": ("中文", "zh"),
    "Japanese": ("日本語", "ja"),
    "Korean": ("한국어", "ko"),
}
"""The name a model is told: its own name, and its code for the page's ``lang``."""


def language_choices() -> list[tuple[str, str]]:
    """What the dropdown shows and what it stands for."""
    return [
        (own if own == name else f"{own} ({name})", name) for name, (own, _) in LANGUAGES.items()
    ]


def language_code(name: str) -> str:
    """The code for ``lang``, or empty for a language that was typed."""
    return LANGUAGES.get(name, ("", ""))[1]
