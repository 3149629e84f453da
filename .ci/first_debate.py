"""Starts the page with the command in argv[1] and has the first debate on it, in Chromium.

Data and weights lie in new folders, so that everything happens as it does the first time.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from pathlib import Path
from queue import Empty, Queue

from playwright.sync_api import sync_playwright

INSTALL_WITHIN = 900
DEBATE_WITHIN = 300
END_WITHIN = 30
TOPIC = "Is tea better than coffee?"


def main(command: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        os.environ["REBUTTAL_DATA"] = str(Path(folder, "data"))
        os.environ["REBUTTAL_CACHE"] = str(Path(folder, "cache"))
        # In a session of its own, so that Ctrl-C reaches the shell and all it started.
        server = subprocess.Popen(
            ["bash", "-c", command],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            start_new_session=True,
        )
        try:
            address = wait_for_address(server)
            print(f"== the page answers at {address}", flush=True)
            began = time.monotonic()
            have_debate(address)
            print(f"== the first debate took {time.monotonic() - began:.0f} s", flush=True)
            end(server, address)
        finally:
            if server.poll() is None:
                os.killpg(server.pid, signal.SIGKILL)
                server.wait()


def wait_for_address(server: subprocess.Popen[str]) -> str:
    """The address that the command prints; whatever else it prints is passed on."""
    lines: Queue[str] = Queue()

    def read() -> None:
        assert server.stdout
        for line in server.stdout:
            sys.stdout.write(line)
            sys.stdout.flush()
            lines.put(line)

    threading.Thread(target=read, daemon=True).start()
    deadline = time.monotonic() + INSTALL_WITHIN
    while time.monotonic() < deadline and server.poll() is None:
        try:
            found = re.search(r"Rebuttal is at (https?://\S+)", lines.get(timeout=1))
        except Empty:
            continue
        if found:
            urllib.request.urlopen(found[1], timeout=30).close()
            return found[1]
    sys.exit("the page was not served")


def have_debate(address: str) -> None:
    """Type a topic, press Start, and wait until every turn is on the page and kept."""
    programs = ("chromium", "chromium-browser", "google-chrome")
    program = next(filter(None, map(shutil.which, programs)), None)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        page = browser.new_page()
        page.goto(address)
        page.get_by_role("tab", name="Debate").click()
        page.get_by_label("What shall they argue about?").fill(TOPIC)
        page.get_by_role("button", name="Start the debate").click()
        said = wait_for_turns()
        for text in said:
            first_words = re.compile(r"\W+".join(re.findall(r"\w+", text)[:3]))
            page.get_by_text(first_words).first.wait_for(timeout=10_000)
            print(f"   {text.splitlines()[0][:100]}")
        browser.close()


def wait_for_turns() -> list[str]:
    """What was said in the one debate that is kept, once it is over."""
    deadline = time.monotonic() + DEBATE_WITHIN
    while time.monotonic() < deadline:
        time.sleep(2)
        found = re.search(r"^(\S{22})\s.*finished", rebuttal("list"), re.M)
        if found:
            turns = json.loads(rebuttal("show", found[1], "--format", "json"))["turns"]
            said = [turn["text"] for turn in turns if turn["speaker"] != "user"]
            assert len(said) == 6, said
            return said
    sys.exit("the first debate did not end")


def rebuttal(*words: str) -> str:
    """What the terminal of the same installation says."""
    command = [".venv/bin/python", "-m", "rebuttal", *words]
    return subprocess.run(command, capture_output=True, check=True, encoding="utf-8").stdout


def end(server: subprocess.Popen[str], address: str) -> None:
    """Press Ctrl-C and see that nothing is left."""
    os.killpg(server.pid, signal.SIGINT)
    server.wait(END_WITHIN)
    try:
        urllib.request.urlopen(address, timeout=2).close()
    except OSError:
        return
    sys.exit("the page is still served after Ctrl-C")


if __name__ == "__main__":
    main(sys.argv[1])
