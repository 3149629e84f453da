"""Gradio, imported without the work that only those who write programs with it need.

While it is imported, Gradio parses the source of each of its components twice and renders a type
stub beside it, unchanged since the last time: half of its import, and a write into the installation
where that is new. And it takes along the package ``mcp``, where that is installed.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType

_STUBS = "gradio.component_meta"
_WRITES = "create_or_modify_pyi"
_UNUSED = "mcp"
"""Which Gradio imports where it can, for a server of its own."""


@contextmanager
def lean_import() -> Iterator[None]:
    """Import Gradio in this block. One that is imported already stays as it is."""
    finder = _Lean()
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)


class _Lean(MetaPathFinder):
    """Finds the module that writes stubs, and does not find what is unused."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """See MetaPathFinder."""
        if name == _UNUSED:
            raise ModuleNotFoundError(f"{name} is not needed here", name=name)
        if name != _STUBS:
            return None
        spec = PathFinder.find_spec(name, path)
        if spec and spec.loader:
            spec.loader = _WithoutStubs(spec.loader)
        return spec


class _WithoutStubs(Loader):
    """Loads the module, and takes from it what writes the stubs."""

    def __init__(self, loader: Loader) -> None:
        self._loader = loader

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """See Loader."""
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        """See Loader. A Gradio that writes its stubs in another way is left alone."""
        self._loader.exec_module(module)
        if hasattr(module, _WRITES):
            setattr(module, _WRITES, _write_nothing)


def _write_nothing(component: type, name: str, events: Sequence[object]) -> None:
    """Instead of the stub of a component."""
