// Reads a debate along by the secret behind the # of the address, which it says to our server alone.
(() => {
  "use strict";

  const KEPT = "rebuttal-shared";
  const LEFT_AFTER = 60000; // milliseconds in which a hidden page still listens
  const SILENCE = 25000; // the server says something every ten seconds
  const find = (id) => document.getElementById(id);
  const [head, line, live, state, problem, fork] = ["head", "line", "live", "state", "problem", "fork"].map(find);
  const main = document.querySelector("main");
  const files = document.querySelector(".files");

  // On the way through the sign-in the part behind the # is lost.
  const remembered = () => {
    try {
      const token = sessionStorage.getItem(KEPT) ?? "";
      sessionStorage.removeItem(KEPT);
      return token;
    } catch {
      return "";
    }
  };
  const before = remembered();
  if (location.hash.length < 2 && before) history.replaceState(null, "", `#${before}`);
  const token = location.hash.slice(1);
  window.addEventListener("hashchange", () => location.reload());

  const say = (message, hint = "") => {
    const more = document.createElement("span");
    more.textContent = hint;
    problem.replaceChildren(message, ...(hint ? [more] : []));
    problem.hidden = !message;
    if (message) problem.scrollIntoView({ block: "nearest" });
  };
  const tell = (words, look) => {
    state.textContent = words;
    state.className = look;
  };
  const allow = (may) => {
    fork.hidden = files.hidden = !may;
  };

  let over = false;
  const end = (words) => {
    over = true;
    main.removeAttribute("aria-busy");
    live.replaceChildren();
    allow(false);
    tell(words, "ended");
  };

  // --- what comes in -------------------------------------------------------------------------------

  const atEnd = () => innerHeight + scrollY >= document.documentElement.scrollHeight - 160;
  let last = null;
  const show = {
    begin({ after, head: html, lang }) {
      if (after === null) {
        line.replaceChildren();
        last = null;
      }
      live.replaceChildren();
      head.innerHTML = html;
      if (lang) main.lang = lang;
      document.title = `${head.querySelector("h1")?.textContent ?? "A shared debate"} · Rebuttal`;
      main.removeAttribute("aria-busy");
      allow(true);
      say("");
    },
    turn({ id, html }) {
      const piece = document.createElement("template");
      piece.innerHTML = html;
      line.append(piece.content);
      last = id;
    },
    live({ html }) {
      live.innerHTML = html;
    },
    words({ html }) {
      const words = live.querySelector(".words");
      if (words) words.innerHTML = html;
    },
    state({ words, rests }) {
      tell(words, rests ? "" : "speaks");
    },
    ended() {
      end("This link has ended. What was shown stays until you close the page.");
    },
  };
  const take = (pieces) => {
    const follows = line.childElementCount > 0 && atEnd();
    for (const piece of pieces) show[piece.kind]?.(piece);
    if (follows) scrollTo(0, document.documentElement.scrollHeight);
  };

  // --- listening -----------------------------------------------------------------------------------

  const post = (path, body, signal) =>
    fetch(path, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
      signal,
    });
  const wordsOf = async (answer) => {
    try {
      return await answer.json();
    } catch {
      return { message: `The server refused (${answer.status}).` };
    }
  };
  const pause = (seconds) => new Promise((done) => setTimeout(done, seconds * 1000));

  const listen = async (answer, heard) => {
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      heard();
      const events = (text + value).split("\n\n");
      text = events.pop();
      for (const event of events) if (event.startsWith("data: ")) take(JSON.parse(event.slice(6)));
    }
  };

  let leave = null;
  let tries = 0;
  const watchOnce = async () => {
    const listening = new AbortController();
    leave = () => listening.abort();
    let alarm = setTimeout(leave, SILENCE);
    const heard = () => {
      clearTimeout(alarm);
      alarm = setTimeout(leave, SILENCE);
    };
    try {
      const answer = await post("/shared/watch", { token, after: last }, listening.signal);
      if (answer.ok) {
        tries = 0;
        await listen(answer, heard);
      } else if ([400, 404].includes(answer.status)) {
        const { message, hint } = await wordsOf(answer);
        end("There is nothing to read here.");
        say(message ?? "This link does not work, or no longer does.", hint);
      } else {
        const { message, detail } = await wordsOf(answer);
        tell(message ?? detail, "");
        await pause(Number(answer.headers.get("retry-after")) || 5);
      }
    } catch {
      // The connection broke, or we left.
    } finally {
      clearTimeout(alarm);
    }
  };
  const visible = () =>
    new Promise((done) => {
      const look = () => {
        if (document.visibilityState !== "visible") return;
        document.removeEventListener("visibilitychange", look);
        done();
      };
      document.addEventListener("visibilitychange", look);
      look();
    });
  const watch = async () => {
    while (!over) {
      await visible();
      await watchOnce();
      if (over) return;
      tries += 1;
      if (tries > 1) tell("The connection is lost; trying again …", "");
      await pause(Math.min(2 ** tries / 2, 15) * (0.75 + Math.random() / 2));
    }
  };
  window.addEventListener("pagehide", () => leave?.());
  let hidden = 0;
  document.addEventListener("visibilitychange", () => {
    clearTimeout(hidden);
    if (document.visibilityState === "hidden") hidden = setTimeout(() => leave?.(), LEFT_AFTER);
  });

  // --- taking away ---------------------------------------------------------------------------------

  const refuse = async (answer) => {
    const { message, title, detail, hint } = await wordsOf(answer);
    say(message ?? title ?? detail, hint);
  };
  const takeOver = async (again = true) => {
    const answer = await post("/shared/fork", { token });
    if (answer.ok) {
      const { debate } = await answer.json();
      location.assign(`/?debate=${encodeURIComponent(debate)}`);
      return;
    }
    const said = answer.status === 401 ? await wordsOf(answer.clone()) : {};
    if (said.again && again) return takeOver(false);
    if (said.sign_in) {
      sessionStorage.setItem(KEPT, token);
      location.assign(said.sign_in);
      return;
    }
    await refuse(answer);
  };
  fork.addEventListener("click", async () => {
    say("");
    fork.disabled = true;
    try {
      await takeOver();
    } catch {
      say("The server cannot be reached.", "Try again in a moment.");
    } finally {
      fork.disabled = false;
    }
  });

  const save = async (format) => {
    const answer = await post("/shared/file", { token, format });
    if (!answer.ok) return refuse(answer);
    const link = document.createElement("a");
    link.href = URL.createObjectURL(await answer.blob());
    link.download = /filename="([^"]+)"/.exec(answer.headers.get("content-disposition"))?.[1] ?? `debate.${format}`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  };
  files.addEventListener("click", ({ target }) => {
    const { format } = target.dataset;
    if (!format) return;
    say("");
    save(format).catch(() => say("The server cannot be reached.", "Try again in a moment."));
  });

  find("needs").remove();
  tell("Opening the debate …", "");
  if (token) watch();
  else {
    end("There is nothing to read here.");
    say("This address is not whole.", "Copy all of it, with what stands behind the # sign.");
  }
})();
