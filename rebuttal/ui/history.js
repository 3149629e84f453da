// The History tab: what is pressed in its list, typed into its search, or dropped on it.
(() => {
  "use strict";

  const { say, wordsOf, save, copy, onChange } = window.rebuttal;
  const each = (selector, act) => document.querySelectorAll(selector).forEach(act);

  // A hidden field carries what was pressed; the number makes each a new value.
  let count = 0;
  const write = (field, words) => {
    const input = document.querySelector(`.${field} :is(textarea, input)`);
    input.value = words;
    input.dispatchEvent(new Event("input", { bubbles: true }));
  };
  const order = (words) => write("history-order", `${(count += 1)} ${words}`);
  const share = (words) => write("share-order", `${(count += 1)} ${words}`);

  // --- opening, and the way back ---

  const open = (id) => write("history-opening", `${id} ${(count += 1)}`);
  const asked = () => new URL(location.href).searchParams.get("debate");
  const follow = (id) => {
    history.replaceState({ ...history.state, tab: "History" }, "");
    history.pushState(null, "", `?debate=${id}`);
    open(id);
    scrollTo(0, 0);
  };
  addEventListener("popstate", ({ state }) => {
    const tabs = [...document.querySelectorAll(".tabs [role=tab]")];
    if (asked()) open(asked());
    else if (state?.tab) tabs.find((tab) => tab.textContent.trim() === state.tab)?.click();
  });

  // --- the list ---

  let pressed = null;
  const rename = (button) => {
    const row = button.closest(".kept");
    const heading = row.querySelector("h3");
    const title = heading.querySelector("a");
    const form = document.createElement("form");
    form.className = "renaming";
    form.innerHTML =
      '<input type="text" maxlength="200" aria-label="Its new name">' +
      '<button type="submit">Save</button><button type="button">Cancel</button>';
    const [field, , cancel] = form.elements;
    field.value = title.textContent.slice(0, 200);
    field.placeholder = "Empty: its topic again";
    const leave = () => {
      form.remove();
      heading.hidden = false;
      row.querySelector("summary").focus();
    };
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const id = button.value.split(" ")[1];
      pressed = { act: "rename", id };
      order(`rename ${id} ${field.value.trim()}`);
    });
    form.addEventListener("keydown", ({ key }) => key === "Escape" && leave());
    cancel.addEventListener("click", leave);
    heading.hidden = true;
    row.querySelector("details").open = false;
    heading.after(form);
    field.select();
  };

  // Two debates that were chosen open side by side.
  let chosen = null;
  const choose = (id) => {
    if (!chosen || chosen === id) chosen = chosen ? null : id;
    else {
      write("turn-order", `${(count += 1)} ${id} beside ${chosen}`);
      chosen = null;
    }
    showChosen();
  };
  const showChosen = () =>
    each('.kept button[value^="compare "]', (button) => {
      const mine = chosen && button.value === `compare ${chosen}`;
      const words = !chosen ? "Compare…" : mine ? "Do not compare" : "Compare with the chosen one";
      if (button.firstChild.data !== words) button.firstChild.data = words;
      button.closest(".kept").classList.toggle("chosen", !!mine);
    });

  let opener = null;
  const press = (button) => {
    const [act, id] = button.value.split(" ");
    if (act === "rename") return rename(button);
    const menu = button.closest("details");
    if (menu) {
      menu.open = false;
      menu.querySelector("summary").focus();
    }
    if (act === "compare") return choose(id);
    pressed = { act, id };
    if (!button.classList.contains("share")) return order(button.value);
    if (!button.closest(".slip")) opener = { place: button.closest(".kept, .whole, .stage"), button };
    share(button.value);
  };

  // What was pressed is gone once the list is there anew; who uses keys goes on beside it.
  const refocus = () => {
    if (!pressed || document.activeElement !== document.body) return;
    const { act, id } = pressed;
    const opener = `.kept button[value$=" ${id}"]`;
    const row = id && document.querySelector(opener)?.closest(".kept");
    const next = row ? row.querySelector("summary") : document.querySelector(".told button");
    if (["older", "newer", "newest"].includes(act)) {
      document.querySelector(".kept .open")?.focus();
      document.querySelector(".seek-text")?.scrollIntoView();
    } else (next ?? document.querySelector(".kept .open"))?.focus();
    pressed = null;
  };

  const closeMenus = (but) =>
    each(".kept details[open]", (menu) => { if (menu !== but) menu.open = false; });
  document.addEventListener("click", (event) => {
    const at = event.target;
    closeMenus(at.closest(".kept details"));
    const link = at.closest(".found a.open");
    const plain = !event.ctrlKey && !event.metaKey && !event.shiftKey && event.button === 0;
    if (link && plain) {
      event.preventDefault();
      follow(new URL(link.href).searchParams.get("debate"));
      return;
    }
    const file = at.closest("a.file");
    if (file && plain && !file.download) {
      event.preventDefault();
      download(file.href);
      return;
    }
    const button = at.closest("button.act");
    if (button?.matches(".slip .close")) closeSlip();
    else if (button) press(button);
  });
  document.addEventListener("keydown", ({ key, target }) => {
    const menu = key === "Escape" && target.closest(".kept details[open]");
    if (!menu) return;
    menu.open = false;
    menu.querySelector("summary").focus();
  });

  // --- the search ---

  let typing = 0;
  const seek = (later) => {
    clearTimeout(typing);
    typing = setTimeout(() => document.querySelector("button.seek-now").click(), later);
  };
  document.addEventListener("input", ({ target }) => {
    if (target.closest(".seek-text, .history .day")) seek(250);
  });
  document.addEventListener("keydown", ({ key, target }) => {
    if (key === "Enter" && target.closest(".seek-text")) clearTimeout(typing);
  });

  // --- out and in ---

  const told = (answer) =>
    answer.headers.get("content-type")?.startsWith("text/plain") ? answer.text() : wordsOf(answer);
  const download = async (address) => {
    const answer = await fetch(address).catch(() => null);
    if (!answer) return say("The server cannot be reached.", 10);
    if (!answer.ok) return say(await told(answer), 12);
    const name = /filename="([^"]+)"/.exec(answer.headers.get("content-disposition"))?.[1];
    save(await answer.blob(), name ?? address.split("/").pop());
  };
  const bring = async (file) => {
    if (!file) return;
    const answer = await fetch("import", { method: "POST", body: file }).catch(() => null);
    if (!answer) return say("The server cannot be reached.", 10);
    if (!answer.ok) return say(await told(answer), 12);
    const { debates } = await answer.json();
    say(debates.length === 1 ? "One debate is here now." : `${debates.length} debates are here now.`, 8);
    seek(0);
  };
  document.addEventListener("change", ({ target }) => {
    if (!target.matches(".import input")) return;
    bring(target.files[0]);
    target.value = "";
  });
  const over = (event) => event.target.closest?.(".history") && event.dataTransfer;
  for (const kind of ["dragover", "dragleave", "drop"])
    document.addEventListener(kind, (event) => {
      const place = document.querySelector(".history");
      place?.classList.toggle("dropping", kind === "dragover" && !!over(event));
      if (!over(event) || !event.dataTransfer.types.includes("Files")) return;
      event.preventDefault();
      if (kind === "drop") bring(event.dataTransfer.files[0]);
    });

  // --- the slip: links, and the address of a history ---

  const closeSlip = () => {
    share("close");
    const { button, place } = opener ?? {};
    const menu = place?.querySelector("summary");
    (menu ?? (button?.isConnected ? button : place?.querySelector(".act.share")))?.focus();
    opener = null;
  };
  const layOut = () => {
    const paper = document.querySelector(".slip .paper:not([role])");
    if (!paper) return;
    const title = paper.querySelector("h2");
    paper.setAttribute("role", "dialog");
    paper.setAttribute("aria-label", title.textContent);
    const link = paper.querySelector("a.secret");
    if (link) link.textContent = link.href;
    title.tabIndex = -1;
    title.focus();
  };
  document.addEventListener("click", async ({ target }) => {
    if (!target.matches(".slip .take")) return;
    await copy(document.querySelector(".slip a.secret").href);
    target.textContent = "Copied";
  });
  document.addEventListener("keydown", ({ key }) => {
    if (key === "Escape" && document.querySelector(".slip .paper")) closeSlip();
  });

  // --- what the server cannot know: the reader's clock ---

  const words = (options, at) => new Intl.DateTimeFormat("en-GB", options).format(at);
  const onThisClock = (at, look) => {
    const now = new Date();
    const day = (date) => new Date(date.getFullYear(), date.getMonth(), date.getDate());
    const ago = Math.round((day(now) - day(at)) / 86400000);
    const year = at.getFullYear() === now.getFullYear() ? undefined : "numeric";
    const date = { 0: "today", 1: "yesterday" }[ago] ?? words({ day: "numeric", month: "short", year }, at);
    const clock = words({ hour: "2-digit", minute: "2-digit" }, at);
    return look === "date" || year ? date : `${date}, ${clock}`;
  };
  const tellTimes = () =>
    each("time:not(.told-here)", (time) => {
      const at = new Date(time.dateTime);
      time.textContent = onThisClock(at, time.className);
      time.title = words({ dateStyle: "long", timeStyle: "short" }, at);
      time.classList.add("told-here");
    });
  const setClock = () => {
    const zone = String(new Date().getTimezoneOffset());
    const field = document.querySelector(".history-zone :is(textarea, input)");
    if (field && field.value !== zone) write("history-zone", zone);
    each(".history .day input:not([type=date])", (day) => { day.type = "date"; });
  };

  const name = () => {
    each(".block.told:not([role])", (said) => said.setAttribute("role", "status"));
    each(".found a[target], .history-foot a[target]", (link) => link.removeAttribute("target"));
  };

  onChange(setClock, tellTimes, name, showChosen, refocus, layOut);
})();
