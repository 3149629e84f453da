"""Gradio's Blocks with nothing between a browser's values and the handlers that check them."""

from __future__ import annotations

from typing import Any

import gradio as gr
from gradio.state_holder import SessionState, StateHolder

from rebuttal.ui.queue import QueuePace

_NOTHING: dict[str, Any] = {
    "data": [],
    "is_generating": False,
    "iterator": None,
    "duration": 0.0,
    "average_duration": None,
    "render_config": None,
    "changed_state_ids": [],
    "used_cache": None,
}


class OneState(StateHolder):  # type: ignore[misc]
    """The same state for every tab, since nothing here is a tab's alone.

    Gradio's own describes the whole page anew for each new tab, 8 ms of the processor each time.
    """

    def __init__(self, blocks: gr.Blocks) -> None:
        super().__init__()
        self.set_blocks(blocks)
        self._state = SessionState(blocks)
        self._state.config_values.clear()

    def __getitem__(self, session_id: str) -> Any:
        return self._state

    def __contains__(self, session_id: str) -> bool:
        return True


class RawBlocks(gr.Blocks):  # type: ignore[misc]  # Gradio has no types that mypy follows
    """Handlers get the values as they were sent, however many, and answer with values as shown.

    Gradio's own way would fetch or copy whatever a forged value calls a file, end in an error page
    where one is missing, and keep each value of each tab in memory.
    """

    _pace: QueuePace | None = None

    def run_startup_events(self) -> None:
        """As Gradio's, which starts the queue: at rest, until somebody uses the page."""
        self._pace = QueuePace(self._queue)
        super().run_startup_events()

    async def process_api(
        self, block_fn: Any, inputs: list[Any], *rest: Any, **named: Any
    ) -> dict[str, Any]:
        """As Gradio's; an event that only the browser acts on does nothing here."""
        if self._pace:
            self._pace.use()
        if getattr(block_fn, "fn", block_fn) is None:
            return dict(_NOTHING)
        done: dict[str, Any] = await super().process_api(block_fn, inputs, *rest, **named)
        return done

    async def preprocess_data(
        self, block_fn: Any, inputs: list[Any], state: Any, explicit_call: bool = False
    ) -> list[Any]:
        """What was sent. The copy of the whole page that Gradio made for the tab is let go."""
        if state:
            state.config_values.clear()
        return list(inputs)

    async def postprocess_data(self, block_fn: Any, predictions: Any, state: Any) -> list[Any]:
        """One value for each output: a changed one as it is, the others as "no change"."""
        outputs = block_fn.outputs
        if isinstance(predictions, dict) and not gr.utils.is_prop_update(predictions):
            changed = {block._id: value for block, value in predictions.items()}
            return [changed.get(block._id, gr.skip()) for block in outputs]
        values = [predictions] if len(outputs) == 1 else list(predictions)
        finished = gr.components._Keywords.FINISHED_ITERATING
        return [None if value is finished else value for value in values]
