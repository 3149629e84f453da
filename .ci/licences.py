"""Says whether we may ship what pip-licenses has listed in the file argv[1]; exit code 1 if not."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

REFUSED = re.compile(r"\bA?GPL|Affero|(?<!Lesser )General Public", re.I)
WEAK = re.compile(r"\bLGPL|Lesser General Public|\bMPL|Mozilla", re.I)
KNOWN = re.compile(
    r"\b(MIT|BSD|Apache|ISC|PSF|Python Software|HPND|CMU|Unlicense|Public Domain|Zlib|0BSD|CC0)",
    re.I,
)
JUDGED = {
    "psycopg": "LGPL: a library of its own, unmodified, and whoever runs it can replace it",
    "psycopg-binary": "LGPL: as psycopg",
    "certifi": "MPL: a list of certificates, unmodified",
    "tqdm": "MPL and MIT: unmodified",
    "orjson": "MPL: unmodified",
}
"""Licences that bind how a library is shipped, and why that is kept to."""


def judge(name: str, licence: str) -> tuple[bool, str]:
    """Whether a package may be shipped under ``licence``, and a word about it."""
    if REFUSED.search(licence):
        return False, "would bind the whole app"
    if WEAK.search(licence):
        return name in JUDGED, JUDGED.get(name, "to be judged in .ci/licences.py")
    return bool(KNOWN.search(licence)), "" if KNOWN.search(licence) else "no licence that we know"


def main(file: Path) -> int:
    """Print what needs a word. Returns the number of packages that may not be shipped."""
    refused = 0
    packages = json.loads(file.read_text("utf-8"))
    for package in packages:
        may, word = judge(package["Name"].casefold(), package["License"])
        refused += not may
        if word:
            print(f"{'ok' if may else 'NO'}  {package['Name']}  {package['License']}: {word}")
    print(f"{len(packages)} packages, {refused} that may not be shipped")
    return refused


if __name__ == "__main__":
    sys.exit(min(main(Path(sys.argv[1])), 1))
