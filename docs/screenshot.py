"""Makes docs/rebuttal.png: the real page, with a debate that a real model has just spoken.

    python -m docs.screenshot --model FILE.gguf --label "Name of the model"

Without --model it is the built-in model that speaks.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from pathlib import Path

from playwright.sync_api import Page as Tab
from playwright.sync_api import sync_playwright

from rebuttal.settings import HOME, load_settings
from rebuttal.ui.server import Page

PICTURE = Path(__file__).parent / "rebuttal.png"
CATALOG = """\
endpoints:
  Built-in:
    api: embedded
    extra: {{dry_multiplier: 0.8, dry_penalty_last_n: 512, timings_per_token: true}}
models:
  {label}:
    endpoint: Built-in
    model: {label}
    max_tokens: 130
    context: 4096
    weights: {{path: "{path}"}}
"""


def main() -> None:
    """Serve, let them argue, take the picture, end."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, help="GGUF file of the model that speaks")
    parser.add_argument("--label", default="Local model", help="its name on the page")
    parser.add_argument("--topic", default="Homework should be abolished")
    parser.add_argument("--personas", nargs=2, default=["Snarky", "Rational"])
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--out", type=Path, default=PICTURE)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        models = HOME / "models.yaml"
        if chosen.model:
            models = Path(folder) / "models.yaml"
            path = chosen.model.resolve().as_posix()
            models.write_text(CATALOG.format(label=chosen.label, path=path), encoding="utf-8")
        page = Page(load_settings(data=folder, models=models))
        page.open()
        try:
            take(page.address, chosen)
        finally:
            page.close()


def take(address: str, chosen: argparse.Namespace) -> None:
    """Drive the page as a person would, and keep what is on the screen."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--headless=new"]
        )
        view = {"width": 1280, "height": 1040}
        tab = chromium.new_page(viewport=view, device_scale_factor=1.5)  # type: ignore[arg-type]
        tab.goto(address)
        for number, name in zip(("First", "Second"), chosen.personas, strict=True):
            choose(tab, f"{number} debater", name)
        tab.get_by_label("Rounds").first.fill(str(chosen.rounds))
        tab.get_by_label("What shall they argue about?").fill(chosen.topic)
        tab.get_by_role("button", name="Start the debate").click()
        tab.get_by_text("The debate is over.").wait_for(timeout=600_000)
        tab.evaluate("window.scrollTo(0, 0)")
        tab.wait_for_timeout(300)
        print("\n\n".join(tab.locator(".settled .words").all_inner_texts()))
        tab.screenshot(path=chosen.out)
        chromium.close()


def choose(tab: Tab, label: str, name: str) -> None:
    """Pick an entry of a list by typing its name."""
    field = tab.get_by_label(label)
    field.click()
    field.fill(name)
    field.press("Enter")


if __name__ == "__main__":
    main()
