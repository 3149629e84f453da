"""Gradio is imported without writing stubs, and is whole all the same."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.util import find_spec

IMPORTED = """
import importlib.util, json, sys

opened = []
sys.addaudithook(lambda event, said: event == "open" and opened.append(str(said[0])))

from rebuttal.ui.lean_import import lean_import

before = [*sys.meta_path]
with lean_import():
    import gradio as gr
with gr.Blocks() as demo:
    gr.Button().click(lambda said: said, gr.Textbox(), gr.Textbox())
from gradio import component_meta

print(json.dumps({
    "stubs": [name for name in opened if name.endswith(".pyi")],
    "writer": component_meta.create_or_modify_pyi.__module__,
    "mcp": "mcp" in sys.modules,
    "mcp can be found": importlib.util.find_spec("mcp") is not None,
    "events": len(demo.get_config_file()["dependencies"]),
    "as before": sys.meta_path == before,
}))
"""


def test_gradio_writes_no_stubs_and_leaves_mcp_to_those_who_use_it() -> None:
    command = [sys.executable, "-c", IMPORTED]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == {
        "stubs": [],
        "writer": "rebuttal.ui.lean_import",
        "mcp": False,
        "mcp can be found": find_spec("mcp") is not None,
        "events": 1,
        "as before": True,
    }
