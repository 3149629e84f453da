"""The events of the sheets over a debate, and of the buttons that open them."""

from __future__ import annotations

from typing import Any

import gradio as gr

from rebuttal.app import DebateApp
from rebuttal.line import line_to, rounds_left, seated
from rebuttal.records import Visitor
from rebuttal.ui.branch_entries import Beside, Counted, Edited, GoOn, Obey, RunAgain
from rebuttal.ui.branch_form import open_again, visible_chairs
from rebuttal.ui.branch_orders import Orders
from rebuttal.ui.branch_seats import changed_seats, table_of
from rebuttal.ui.compare_view import show_branches
from rebuttal.ui.entries import Nothing, Ticket
from rebuttal.ui.notice import QUICK, Updates, explained
from rebuttal.ui.own_key import keys_at, wire_key_fields
from rebuttal.ui.table import Table
from rebuttal.ui.tree_view import Sheets


def wire_sheets(app: DebateApp, sheets: Sheets, tables: list[Table], tabs: gr.Tabs) -> None:
    """All events of the sheets, and of the tables' buttons that open one."""
    orders = Orders(app, sheets, tables, tabs)
    tickets = [table.stage.ticket for table in tables]
    obeyed = explained(app, sheets.tree.notice, Obey, orders.obey)
    changed = [*sheets.shown, *orders.opened]
    named: dict[str, Any] = {**QUICK, "trigger_mode": "multiple"}
    sheets.order.change(obeyed, [*tickets, sheets.order], changed, **named)
    for wire in (_wire_edit, _wire_branch, _wire_again, _wire_comparison):
        wire(app, sheets, orders, tickets)
    _wire_leaving(app, sheets)
    for table in tables:
        _wire_openers(app, table, sheets, orders)


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


def _wire_edit(app: DebateApp, sheets: Sheets, orders: Orders, tickets: list[Any]) -> None:
    edit = sheets.edit

    async def say_otherwise(asked: Edited, visitor: Visitor) -> Updates:
        await app.edit(asked.debate_id, asked.turn_id, asked.words, visitor=visitor)
        renewed = await orders.renewed(asked, asked.debate_id, visitor)
        return {**_closed(edit.sheet, sheets.tree.sheet), **renewed}

    sent = [*tickets, edit.place, edit.words]
    changed = [edit.notice, edit.sheet, sheets.tree.sheet, *orders.opened]
    edit.go.click(explained(app, edit.notice, Edited, say_otherwise), sent, changed, **QUICK)


def _wire_branch(app: DebateApp, sheets: Sheets, orders: Orders, tickets: list[Any]) -> None:
    form = sheets.branch

    async def count(asked: Counted, visitor: Visitor) -> Updates:
        return visible_chairs(form, asked.seats)

    async def go_on(asked: GoOn, visitor: Visitor) -> Updates:
        origin = await app.origin(asked.debate_id, visitor=visitor)
        line = line_to(await app.tree(asked.debate_id, visitor=visitor), asked.turn_id)
        seats, other = table_of(app.catalog, asked.taken, seated(origin, line).debaters)
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
        return {**_closed(form.sheet, sheets.tree.sheet), **renewed}

    form.seats.input(explained(app, form.notice, Counted, count), form.seats, form.boxes, **QUICK)
    sent = [*tickets, form.place, form.seats, form.word, form.rounds, *form.fields]
    changed = [form.notice, form.sheet, sheets.tree.sheet, *orders.opened]
    form.go.click(explained(app, form.notice, GoOn, go_on), sent, changed, **QUICK)
    wire_key_fields(app, form.own_key, form.notice)


def _wire_again(app: DebateApp, sheets: Sheets, orders: Orders, tickets: list[Any]) -> None:
    form = sheets.branch

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
        return {**_closed(form.sheet), form.own_key.key: "", **orders.placed(debate)}

    own = [form.own_key.endpoint, form.own_key.key]
    sent = [*tickets, form.place, form.seats, *own, form.topic, form.rounds, form.language]
    sent += [form.seed, *form.fields]
    changed = [form.notice, form.sheet, form.own_key.key, *orders.opened]
    form.again.click(explained(app, form.notice, RunAgain, run_again), sent, changed, **QUICK)


def _closed(*sheets: gr.Column) -> Updates:
    return {sheet: gr.update(visible=False) for sheet in sheets}


def _wire_comparison(app: DebateApp, sheets: Sheets, orders: Orders, tickets: list[Any]) -> None:
    sheet = sheets.comparison

    async def turn_to(asked: Beside, visitor: Visitor) -> Updates:
        ends = asked.left, asked.right
        return await show_branches(app, sheet, asked.debate, ends, visitor)

    async def choose(asked: Beside, end: str, visitor: Visitor) -> Updates:
        await app.choose(asked.debate, end, visitor=visitor)
        closed = _closed(sheet.sheet, sheets.tree.sheet)
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
            return _closed(part.sheet)

        left = explained(app, part.notice, Nothing, leave)
        part.leave.click(left, None, [part.notice, part.sheet], **QUICK)
