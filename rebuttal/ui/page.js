// What Gradio does not do by itself: the address bar, announcements, following the words as they
// come, the clipboard and files. It only looks at the page, so a policy without eval is enough.
(() => {
  "use strict";

  const shown = (element) => element.offsetParent !== null;
  const each = (selector, act) => document.querySelectorAll(selector).forEach(act);

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

  let waiting = false;
  const attend = () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      keepAddress();
      makeLiveRegions();
      sendOut();
      follow();
    });
  };
  new MutationObserver(attend).observe(document.body, { childList: true, subtree: true });
  attend();
})();
