// What Gradio does not do by itself: the address bar, announcements, following the words as they
// come, the clipboard and files. It only looks at the page, so a policy without eval is enough.
(() => {
  "use strict";

  const shown = (element) => element.offsetParent !== null;
  const each = (selector, act) => document.querySelectorAll(selector).forEach(act);

  // The server may refuse: too many requests, or a browser it no longer knows. Gradio would say
  // "Error" in every field, or load the page again and again; here its words are shown instead.
  let notice = null;
  let fading = 0;
  const say = (words, seconds) => {
    if (!notice) {
      notice = document.createElement("div");
      notice.className = "refused";
      notice.setAttribute("role", "alert");
      document.querySelector(".gradio-container")?.append(notice);
    }
    notice.textContent = words;
    clearTimeout(fading);
    fading = setTimeout(() => { notice?.remove(); notice = null; }, seconds * 1000);
  };

  const pause = (seconds) => new Promise((done) => setTimeout(done, seconds * 1000));
  const wordsOf = async (answer) => {
    try {
      const { detail } = await answer.clone().json();
      if (typeof detail === "string" && detail) return detail;
    } catch {
      // Something in between has answered, in words of its own.
    }
    return `The server refused (${answer.status}). Reload the page.`;
  };

  // What a handler answers that changes nothing.
  const unchanged = (init) => {
    const event = JSON.parse(init.body).fn_index;
    const known = window.gradio_config?.dependencies.find(({ id }) => id === event);
    const data = (known?.outputs ?? []).map(() => ({ __type__: "update" }));
    const body = { data, is_generating: false, duration: 0, average_duration: 0 };
    return new Response(JSON.stringify(body), { headers: { "content-type": "application/json" } });
  };

  // Gradio loads the page again when it cannot listen, which helps once and not twice.
  const loadedAgain = () =>
    performance.now() < 15000 && performance.getEntriesByType("navigation")[0]?.type === "reload";
  const silence = () =>
    new Response(new ReadableStream(), { headers: { "content-type": "text/event-stream" } });

  const ask = window.fetch.bind(window);
  window.fetch = async (input, init) => {
    const { pathname } = new URL(input.url ?? input, location.href);
    const kind = /\/gradio_api\/(run\/predict|queue\/join|queue\/data)$/.exec(pathname)?.[1];
    for (let tries = 0; ; tries += 1) {
      const answer = await ask(input, init);
      if (!kind || answer.ok) return answer;
      const later = Number(answer.headers.get("retry-after")) || 10;
      const waits = kind !== "run/predict" && [429, 503].includes(answer.status) && tries < 20;
      if (kind === "queue/join" && !waits) return answer; // Gradio has words for this one.
      say(await wordsOf(answer), waits ? later + 2 : 12);
      if (kind === "run/predict") return init?.body ? unchanged(init) : answer;
      if (!waits) return loadedAgain() ? silence() : answer;
      await pause(Math.min(later, 60) * (1 + Math.random() / 4));
    }
  };

  // A reload or a copied address leads back to the debate that is on the screen.
  let announced = null;
  const keepAddress = () => {
    const open = [...document.querySelectorAll(".stage")].find(shown);
    const link = open && open.querySelector("a.permalink");
    const loaded = document.querySelector(".tabs [role=tab]");
    if (!loaded || (open && !link)) return;
    const id = link ? new URL(link.href).searchParams.get("debate") : null;
    if (id === announced) return;
    const here = new URL(location.href);
    if (announced === null && id === null && here.searchParams.has("debate")) return;
    announced = id;
    if (id) here.searchParams.set("debate", id);
    else here.searchParams.delete("debate");
    history.replaceState(history.state, "", here);
  };

  // Those who listen hear who has spoken; the words as they come would be noise.
  const makeLiveRegions = () =>
    each(".announcer:not([aria-live])", (region) => {
      region.setAttribute("aria-live", "polite");
      region.setAttribute("role", "status");
    });

  // Gradio leaves it to the browser whether a key is offered again.
  const keepKeysOut = () =>
    each(".own-key input[type=password]:not([autocomplete=off])", (field) => {
      field.setAttribute("autocomplete", "off");
    });

  // Follow the words while the reader is at the end of the page, and leave who reads further up.
  let following = true;
  const atEnd = () =>
    window.innerHeight + window.scrollY >= document.documentElement.scrollHeight - 160;
  window.addEventListener("scroll", () => { following = atEnd(); }, { passive: true });
  let spoke = false;
  const follow = () => {
    const speaks = [...document.querySelectorAll(".live .speaking")].some(shown);
    if (following && (speaks || spoke)) window.scrollTo(0, document.documentElement.scrollHeight);
    spoke = speaks;
  };

  // Somebody else may have gone on with a debate that rested when this tab was left.
  document.addEventListener("visibilitychange", () => {
    const stage = [...document.querySelectorAll(".stage")].find(shown);
    if (document.visibilityState === "visible" && stage && stage.querySelector(".status.resting"))
      stage.querySelector("button.look").click();
  });

  const copy = async (text) => {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      // Without https there is no clipboard but this one.
      const field = document.createElement("textarea");
      field.value = text;
      document.body.append(field);
      field.select();
      document.execCommand("copy");
      field.remove();
    }
  };

  const save = (text, name) => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type: "text/plain;charset=utf-8" }));
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  };

  const sent = new Set();
  const sendOut = () =>
    each(".outbox pre.outgoing", (parcel) => {
      if (sent.has(parcel.className)) return;
      sent.add(parcel.className);
      if (parcel.classList.contains("copy")) copy(parcel.textContent);
      else save(parcel.textContent, parcel.title);
    });

  // Once a frame in which the page has changed, here and for the scripts behind this one.
  const acts = [];
  let waiting = false;
  const attend = () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      for (const act of acts) act();
    });
  };
  const onChange = (...more) => {
    acts.push(...more);
    attend();
  };
  const seen = { childList: true, subtree: true, attributes: true, attributeFilter: ["class"] };
  new MutationObserver(attend).observe(document.body, seen);
  onChange(keepAddress, makeLiveRegions, keepKeysOut, sendOut, follow);
  window.rebuttal = { say, wordsOf, save, copy, onChange };
})();
