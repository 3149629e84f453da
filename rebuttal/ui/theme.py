"""How the page looks: Gradio's variables set to the colours of page.css, system fonts, the icon."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr

from rebuttal.colour import DAY, NIGHT
from rebuttal.errors import InvalidInput

HERE = Path(__file__).parent
ICON = HERE / "favicon.svg"
STYLES = ("page.css", "branching.css", "history.css", "insight.css", "programs.css")
SCRIPTS = ("page.js", "branching.js", "history.js", "programs.js")

SANS = (
    *("Seravek", "Gill Sans Nova", "Ubuntu", "Calibri", "Segoe UI", "Noto Sans"),
    *("DejaVu Sans", "source-sans-pro", "system-ui", "sans-serif"),
)
MONO = ("ui-monospace", "Cascadia Code", "Menlo", "Consolas", "DejaVu Sans Mono", "monospace")

_BOTH = {
    "body_text_color_subdued": "var(--soft)",
    "background_fill_primary": "var(--paper)",
    "background_fill_secondary": "var(--card)",
    "block_background_fill": "transparent",
    "block_label_text_color": "var(--soft)",
    "block_title_text_color": "var(--soft)",
    "block_info_text_color": "var(--soft)",
    "border_color_primary": "var(--rule)",
    "border_color_accent": "var(--accent)",
    "color_accent_soft": "var(--wash)",
    "input_background_fill": "var(--field)",
    "input_background_fill_focus": "var(--field)",
    "input_border_color": "var(--edge)",
    "input_border_color_focus": "var(--accent)",
    "input_placeholder_color": "var(--soft)",
    "link_text_color": "var(--accent)",
    "link_text_color_hover": "var(--accent)",
    "button_primary_background_fill": "var(--accent)",
    "button_primary_background_fill_hover": "var(--accent-deep)",
    "button_primary_text_color": "var(--on-accent)",
    "button_primary_text_color_hover": "var(--on-accent)",
    "button_secondary_background_fill": "var(--field)",
    "button_secondary_background_fill_hover": "var(--wash)",
    "button_secondary_border_color": "var(--edge)",
    "button_secondary_text_color": "var(--ink)",
    "checkbox_background_color": "var(--field)",
    "checkbox_background_color_selected": "var(--accent)",
    "checkbox_border_color": "var(--edge)",
    "checkbox_border_color_selected": "var(--accent)",
    "checkbox_label_background_fill": "transparent",
    "slider_color": "var(--accent)",
}


def theme() -> gr.themes.Base:
    """The theme. Light and dark differ in page.css alone, where both papers are defined."""
    hues: dict[str, Any] = {"primary_hue": "stone", "neutral_hue": "stone"}
    base = gr.themes.Base(**hues, radius_size="sm", font=SANS, font_mono=MONO)
    dark = {f"{name}_dark": value for name, value in _BOTH.items()}
    return base.set(
        **_BOTH,
        **dark,
        # As they are, because they colour the page before its style has arrived.
        body_background_fill=DAY,
        body_background_fill_dark=NIGHT,
        body_text_color="#221f1b",
        body_text_color_dark="#ece7dd",
        block_border_width="0px",
        block_shadow="none",
        block_shadow_dark="none",
        button_primary_shadow="none",
        input_shadow="none",
        input_shadow_focus="0 0 0 2px var(--halo)",
        input_shadow_focus_dark="0 0 0 2px var(--halo)",
        layout_gap="12px",
    )


def head(own: Path | None = None) -> str:
    """What goes into the page's head: its style and script, and behind them the ``own`` style of
    whoever runs it. Raises InvalidInput where that is no CSS file.
    """
    style = "\n".join((HERE / name).read_text(encoding="utf-8") for name in STYLES)
    script = "\n".join((HERE / name).read_text(encoding="utf-8") for name in SCRIPTS)
    further = f"<style>{_own_style(own)}</style>" if own else ""
    return f"<style>{style}</style>{further}<script>{script}</script>"


def _own_style(file: Path) -> str:
    hint = "REBUTTAL_STYLE names a CSS file."
    try:
        style = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        reason = "not UTF-8 text" if isinstance(exc, UnicodeDecodeError) else exc.strerror
        raise InvalidInput(f"{file.name}: {reason}", hint) from None
    if "</" in style:
        raise InvalidInput(f"{file.name}: a page and no style", hint)
    return style
