"""Debates for programs that speak MCP, the Model Context Protocol: over stdio, and at ``/mcp``."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

from rebuttal.errors import InvalidInput

NEEDED = "mcp>=2.3,<3"


def check_installed() -> None:
    """Raises InvalidInput where the protocol's package is missing, or of another age."""
    try:
        there = version("mcp")
    except PackageNotFoundError:
        there = ""
    if there.partition(".")[0] != "2":
        problem = f"is {there}, not 2" if there else "is not installed"
        raise InvalidInput(f"The package 'mcp' {problem}.", f'Install it: pip install "{NEEDED}"')
