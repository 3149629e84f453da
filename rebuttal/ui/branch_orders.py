"""What happens when something is pressed beside a turn, in the tree, or in one of the sheets."""

from __future__ import annotations

from typing import Any

import gradio as gr

from rebuttal.app import DebateApp
from rebuttal.errors import InvalidInput, RebuttalError
from rebuttal.line import cast, end_below, line_to, rounds_left, seated
from rebuttal.records import Debate, Turn, Visitor
from rebuttal.ui.branch_entries import (
    IN_TREE,
    Beside,
    Counted,
    Edited,
    GoOn,
    Obey,
    RunAgain,
    Tables,
    TurnOrder,
)
from rebuttal.ui.branch_form import open_again, open_branch, open_edit, visible_chairs
from rebuttal.ui.branch_seats import changed_seats, table_of
from rebuttal.ui.compare_view import show_branches, show_comparison
from rebuttal.ui.entries import Nothing, Ticket
from rebuttal.ui.notice import QUICK, Updates, explained
from rebuttal.ui.own_key import keys_at, wire_key_fields
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


def wire_sheets(app: DebateApp, sheets: Sheets, tables: list[Table], tabs: gr.Tabs) -> None:
    """All events of the sheets, and of the tables' buttons that open one."""
    orders = Orders(app, sheets, tables, tabs)
    tickets = [table.stage.ticket for table in tables]
    obeyed = explained(app, sheets.tree.notice, Obey, orders.obey)
    changed = [*sheets.shown, *orders.opened]
    named: dict[str, Any] = {**QUICK, "trigger_mode": "multiple"}
    sheets.order.change(obeyed, [*tickets, sheets.order], changed, **named)
    _wire_forms(app, sheets, orders, tickets)
    _wire_comparison(app, sheets, orders, tickets)
    _wire_leaving(app, sheets)
    for table in tables:
        _wire_openers(app, table, sheets, orders)
    wire_key_fields(app, sheets.branch.own_key, sheets.branch.notice)


def _wire_openers(app: DebateApp, table: Table, sheets: Sheets, orders: Orders) -> None:
    stage, form = table.stage, sheets.branch

    async def open_tree(asked: Ticket, visitor: Visitor) -> Updates:
        return await orders.show_tree(asked.debate_id, visitor)

    async def open_again_form(asked: Ticket, visitor: Visitor) -> Updates:
        origin = await app.origin(asked.debate_id, visitor=visitor)
        root = (await app.transcript(asked.debate_id, visitor=visitor))[0]
        return open_again(form, origin, root.id, app.settings.own_keys)

    seen = explained(app, stage.notice, Ticket, open_tree)
    stage.tree.click(seen, stage.ticket, [stage.notice, *sheets.tree.shown], **QUICK)
    asked = explained(app, stage.notice, Ticket, open_again_form)
    stage.again.click(asked, stage.ticket, [stage.notice, *form.shown], **QUICK)


def _wire_forms(app: DebateApp, sheets: Sheets, orders: Orders, tickets: list[Any]) -> None:
    form, edit = sheets.branch, sheets.edit

    async def count(asked: Counted, visitor: Visitor) -> Updates:
        return visible_chairs(form, asked.seats)

    async def say_otherwise(asked: Edited, visitor: Visitor) -> Updates:
        await app.edit(asked.debate_id, asked.turn_id, asked.words, visitor=visitor)
        renewed = await orders.renewed(asked, asked.debate_id, visitor)
        return {edit.sheet: gr.update(visible=False), **_tree_closed(sheets), **renewed}

    async def go_on(asked: GoOn, visitor: Visitor) -> Updates:
        origin = await app.origin(asked.debate_id, visitor=visitor)
        tree = await app.tree(asked.debate_id, visitor=visitor)
        line = line_to(tree, asked.turn_id)
        present = seated(origin, line).debaters
        seats, other = table_of(app.catalog, asked.taken, present)
        # As many rounds as are left there: then whoever is in the middle of one ends it first.
        as_before = not other and asked.rounds == max(rounds_left(origin, line), 1)
        await app.branch(
            asked.debate_id,
            asked.turn_id,
            seats=None if as_before else seats,
            text=asked.word,
            rounds=None if as_before else asked.rounds,
            visitor=visitor,
        )
        renewed = await orders.renewed(asked, asked.debate_id, visitor)
        return {form.sheet: gr.update(visible=False), **_tree_closed(sheets), **renewed}

    async def run_again(asked: RunAgain, visitor: Visitor) -> Updates:
        origin = await app.origin(asked.debate_id, visitor=visitor)
        new_id = await app.rerun(
            asked.debate_id,
            topic=asked.topic,
            rounds=asked.rounds,
            language=asked.language or None,
            seed=asked.seed,
            seats=changed_seats(app.catalog, asked.taken, origin.debaters),
            keys=keys_at(app.settings, asked, asked.endpoints(app.catalog)),
            visitor=visitor,
        )
        debate = await app.debate(new_id, visitor=visitor)
        closed = {form.sheet: gr.update(visible=False), form.own_key.key: ""}
        return {**closed, **orders.placed(debate)}

    form.seats.input(explained(app, form.notice, Counted, count), form.seats, form.boxes, **QUICK)
    other = [*tickets, edit.place, edit.words]
    gone = [edit.notice, edit.sheet, sheets.tree.sheet, *orders.opened]
    edit.go.click(explained(app, edit.notice, Edited, say_otherwise), other, gone, **QUICK)
    table = [*tickets, form.place, form.seats]
    gone = [form.notice, form.sheet, form.own_key.key, sheets.tree.sheet, *orders.opened]
    going = [*table, form.word, form.rounds, *form.fields]
    form.go.click(explained(app, form.notice, GoOn, go_on), going, gone, **QUICK)
    own = [form.own_key.endpoint, form.own_key.key]
    running = [*table, *own, form.topic, form.rounds, form.language, form.seed, *form.fields]
    form.again.click(explained(app, form.notice, RunAgain, run_again), running, gone, **QUICK)


def _tree_closed(sheets: Sheets) -> Updates:
    return {sheets.tree.sheet: gr.update(visible=False)}


def _wire_comparison(app: DebateApp, sheets: Sheets, orders: Orders, tickets: list[Any]) -> None:
    sheet = sheets.comparison

    async def turn_to(asked: Beside, visitor: Visitor) -> Updates:
        ends = asked.left, asked.right
        return await show_branches(app, sheet, asked.debate, ends, visitor)

    async def choose(asked: Beside, end: str, visitor: Visitor) -> Updates:
        await app.choose(asked.debate, end, visitor=visitor)
        closed = {sheet.sheet: gr.update(visible=False), **_tree_closed(sheets)}
        return {**closed, **await orders.renewed(asked, asked.debate, visitor)}

    async def take_left(asked: Beside, visitor: Visitor) -> Updates:
        return await choose(asked, asked.left, visitor)

    async def take_right(asked: Beside, visitor: Visitor) -> Updates:
        return await choose(asked, asked.right, visitor)

    both = [*tickets, sheet.debate, sheet.left, sheet.right]
    turned = explained(app, sheet.notice, Beside, turn_to)
    gr.on([sheet.left.input, sheet.right.input], turned, both, sheet.shown, **QUICK)
    gone = [sheet.notice, sheet.sheet, sheets.tree.sheet, *orders.opened]
    for button, handler in ((sheet.take_left, take_left), (sheet.take_right, take_right)):
        button.click(explained(app, sheet.notice, Beside, handler), both, gone, **QUICK)


def _wire_leaving(app: DebateApp, sheets: Sheets) -> None:
    for part in (sheets.tree, sheets.comparison, sheets.branch, sheets.edit):

        async def leave(asked: Nothing, visitor: Visitor, part: Any = part) -> Updates:
            return {part.sheet: gr.update(visible=False)}

        left = explained(app, part.notice, Nothing, leave)
        part.leave.click(left, None, [part.notice, part.sheet], **QUICK)
