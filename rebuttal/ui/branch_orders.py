"""What happens when something is pressed beside a turn or in the tree."""

from __future__ import annotations

from typing import Any

import gradio as gr

from rebuttal.app import DebateApp
from rebuttal.errors import InvalidInput, RebuttalError
from rebuttal.line import cast, end_below
from rebuttal.records import Debate, Turn, Visitor
from rebuttal.ui.branch_entries import IN_TREE, Obey, Tables, TurnOrder
from rebuttal.ui.branch_form import open_branch, open_edit
from rebuttal.ui.compare_view import show_branches, show_comparison
from rebuttal.ui.notice import Updates
from rebuttal.ui.render import refusal
from rebuttal.ui.stage import new_ticket
from rebuttal.ui.table import Table, clear, show
from rebuttal.ui.tree import tree_list
from rebuttal.ui.tree_view import Sheets


class Orders:
    """Carries out what is pressed, for whoever may."""

    def __init__(self, app: DebateApp, sheets: Sheets, tables: list[Table], tabs: gr.Tabs) -> None:
        self._app = app
        self._sheets = sheets
        self._tables = tables
        self._tabs = tabs

    @property
    def opened(self) -> list[Any]:
        """What changes where a debate goes on, perhaps at another table."""
        return [
            self._tabs,
            *(part for table in self._tables for part in (*table.opened, table.stage.notice)),
        ]

    async def obey(self, asked: Obey, visitor: Visitor) -> Updates:
        """One order; what cannot be is said where it was pressed."""
        order = asked.order
        where = self._notice_of(asked, order)
        try:
            return {where: "", **await self._done(asked, order, visitor)}
        except RebuttalError as error:
            return {where: refusal(error)}

    async def _done(self, asked: Obey, order: TurnOrder, visitor: Visitor) -> Updates:
        app, debate_id, turn_id = self._app, order.debate, order.turn
        if order.act in ("edit", "branch"):
            return await self._open_form(order, visitor)
        if order.act == "beside":
            sheet = self._sheets.comparison
            return await show_comparison(app, sheet, turn_id, debate_id, visitor)
        if order.act == "side":
            return await self._beside_main(order, visitor)
        if order.act in ("tree", "doom"):
            doomed = turn_id if order.act == "doom" else ""
            return await self.show_tree(debate_id, visitor, doomed)
        if order.act == "fresh":
            await app.regenerate(debate_id, turn_id, visitor=visitor)
            return await self.renewed(asked, debate_id, visitor)
        if order.act == "prune":
            await app.prune(debate_id, turn_id, visitor=visitor)
        else:
            await app.choose(debate_id, turn_id, visitor=visitor)
        renewed = await self.renewed(asked, debate_id, visitor)
        if order.act in IN_TREE:
            renewed |= await self.show_tree(debate_id, visitor)
        return renewed

    def _notice_of(self, asked: Tables, order: TurnOrder) -> gr.Markdown:
        at = asked.showing(order.debate)
        if order.act in IN_TREE or at is None:
            return self._sheets.tree.notice
        return self._tables[at].stage.notice

    async def _turn(self, order: TurnOrder, visitor: Visitor) -> tuple[tuple[Turn, ...], Turn]:
        tree = await self._app.tree(order.debate, visitor=visitor)
        turn = next((turn for turn in tree if turn.id == order.turn), None)
        if turn is None:
            raise InvalidInput("That turn is gone.", "Reload the page.")
        return tree, turn

    async def _open_form(self, order: TurnOrder, visitor: Visitor) -> Updates:
        origin = await self._app.origin(order.debate, visitor=visitor)
        tree, turn = await self._turn(order, visitor)
        if await self._app.state(order.debate, visitor=visitor) == "running":
            raise InvalidInput("A turn is being spoken.", "Stop it first.")
        if order.act == "edit":
            speaker = cast(origin, tree).get(turn.speaker)
            name = speaker.name if speaker else ""
            return open_edit(self._sheets.edit, order.debate, turn, name)
        return open_branch(self._sheets.branch, origin, tree, turn)

    async def _beside_main(self, order: TurnOrder, visitor: Visitor) -> Updates:
        origin = await self._app.origin(order.debate, visitor=visitor)
        tree, turn = await self._turn(order, visitor)
        ends = origin.tip, end_below(tree, turn.id)
        return await show_branches(self._app, self._sheets.comparison, order.debate, ends, visitor)

    async def show_tree(self, debate_id: str, visitor: Visitor, doomed: str = "") -> Updates:
        """The sheet with the tree of that debate."""
        origin = await self._app.origin(debate_id, visitor=visitor)
        tree = await self._app.tree(debate_id, visitor=visitor)
        running = await self._app.state(debate_id, visitor=visitor) == "running"
        sheet = self._sheets.tree
        return {
            sheet.sheet: gr.update(visible=True),
            sheet.title: "<h2>The branches of this debate</h2>",
            sheet.list: tree_list(origin, tree, origin.tip, doomed, running),
            sheet.notice: "",
        }

    async def renewed(self, asked: Tables, debate_id: str, visitor: Visitor) -> Updates:
        """The table that shows the debate watches it again; another one where it fits no more."""
        at = asked.showing(debate_id)
        debate = await self._app.debate(debate_id, visitor=visitor)
        if at is not None and self._tables[at].mode.holds(debate):
            stage = self._tables[at].stage
            return {stage.ticket: new_ticket(debate_id), stage.notice: ""}
        left = clear(self._tables[at]) if at is not None else {}
        return {**left, **self.placed(debate)}

    def placed(self, debate: Debate) -> Updates:
        """The debate at the table that holds it."""
        table = next(table for table in self._tables if table.mode.holds(debate))
        shown = show(table, debate, self._app.settings.owners)
        return {self._tabs: gr.update(selected=table.mode.key), **shown}
