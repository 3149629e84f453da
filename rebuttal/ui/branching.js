// What can be done with a turn: buttons beside it, orders to the server, and the sheets that open.
(() => {
  "use strict";

  const ACTS = {
    turn: [["fresh", "Fresh answer"], ["edit", "Edit"], ["branch", "Continue with…"]],
    note: [["edit", "Edit"], ["branch", "Continue with…"]],
    seats: [["branch", "Continue with…"]],
  };
  const kindOf = (turn) => Object.keys(ACTS).find((kind) => turn.classList.contains(kind));
  const idOf = (turn) => / t-([\w-]{1,64})/.exec(turn.className)?.[1];
  const shown = (element) => element.offsetParent !== null || element.getClientRects().length > 0;

  const button = (turn, act, words, whose) => {
    const made = document.createElement("button");
    made.type = "button";
    made.className = "do";
    made.value = `${act} ${turn}`;
    made.textContent = words;
    made.setAttribute("aria-label", `${words.replace("…", "")}: ${whose}`);
    return made;
  };

  // The settled transcript is drawn anew with every turn, and this row with it.
  const dress = () => {
    const bare = document.querySelectorAll('.settled [class*=" t-"]:not(.dressed)');
    for (const turn of bare) {
      turn.classList.add("dressed");
      const id = idOf(turn);
      const kind = kindOf(turn);
      if (!id || !kind) continue;
      let foot = turn.querySelector("p.how") ?? (kind === "seats" ? turn : null);
      if (!foot) {
        foot = document.createElement("p");
        foot.className = "how";
        turn.append(foot);
      }
      const whose = (turn.querySelector(".who .name") ?? turn.querySelector(".who"))?.textContent.trim() || "from here";
      const row = document.createElement("span");
      row.className = "acts";
      for (const [act, words] of ACTS[kind]) row.append(button(id, act, words, whose));
      foot.append(row);
    }
    if (bare.length) refocus();
  };

  // Who works with the keyboard stays where the turn is, also when it is drawn anew.
  let held = null;
  const refocus = () => {
    if (!held || document.activeElement !== document.body) return;
    const turn = [...document.querySelectorAll(`.settled .t-${CSS.escape(held.turn)}`)].find(shown);
    const found = turn && [...turn.querySelectorAll("button.do")];
    const same = found?.find((one) => one.value.split(" ")[0] === held.act
      && (held.act !== "choose" || one.textContent === held.words))
      ?? found?.find((one) => one.value.split(" ")[0] === held.act) ?? found?.[0];
    same?.focus({ preventScroll: true });
  };
  const hold = (pressed) => {
    const [act, turn] = pressed.value.split(" ");
    const inside = pressed.closest('[class*=" t-"]');
    if (!pressed.closest(".settled")) return;
    held = { act, turn: act === "choose" ? turn : idOf(inside ?? pressed) ?? turn,
             words: pressed.textContent };
  };
  document.addEventListener("focusin", ({ target }) => {
    const pressed = target.closest?.(".settled button.do");
    if (pressed) hold(pressed);
    else if (!target.closest?.(".sheet")) held = null;
  });

  let orders = 0;
  const order = (words) => {
    const stage = [...document.querySelectorAll(".stage")].find(shown);
    const link = stage?.querySelector("a.permalink");
    const field = document.querySelector(".turn-order textarea, .turn-order input");
    if (!link || !field) return;
    const debate = new URL(link.href).searchParams.get("debate");
    field.value = `${(orders += 1)} ${debate} ${words}`;
    field.dispatchEvent(new Event("input", { bubbles: true }));
  };
  document.addEventListener("click", (event) => {
    const pressed = event.target.closest?.("button.do");
    if (!pressed) return;
    event.preventDefault();
    hold(pressed);
    order(pressed.value);
  });

  // A sheet takes the keyboard while it is open, and gives it back.
  const sheets = () => [...document.querySelectorAll(".sheet")].filter(shown);
  let top = null;
  const attendSheets = () => {
    const now = sheets().at(-1) ?? null;
    if (now === top) return;
    top = now;
    for (const tabs of document.querySelectorAll(".tabs")) tabs.inert = now !== null;
    for (const sheet of document.querySelectorAll(".sheet")) sheet.inert = sheet !== now;
    document.documentElement.classList.toggle("under-sheet", now !== null);
    if (!now) {
      refocus();
      return;
    }
    now.setAttribute("role", "dialog");
    now.setAttribute("aria-modal", "true");
    const title = now.querySelector("h2");
    if (title) now.setAttribute("aria-label", title.textContent);
    now.scrollTop = 0;
    const first = now.matches(".edit-sheet") ? now.querySelector("textarea") : title;
    if (!first) return;
    if (first === title) first.tabIndex = -1;
    first.focus({ preventScroll: true });
  };
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !top || event.defaultPrevented) return;
    if (event.target.closest?.("[role=listbox], [role=combobox], input[aria-expanded=true]")) return;
    top.querySelector("button.leave")?.click();
  });

  window.rebuttal.onChange(dress, attendSheets);
})();
