// Tokens and panels: what is pressed in their lists, the secret that is shown once, addresses.
(() => {
  "use strict";

  const { copy, onChange } = window.rebuttal;
  let count = 0;
  const order = (field, words) => {
    const input = document.querySelector(`.${field} :is(textarea, input)`);
    input.value = `${(count += 1)} ${words}`;
    input.dispatchEvent(new Event("input", { bubbles: true }));
  };

  document.addEventListener("click", async ({ target }) => {
    const pressed = target.closest("button.let-go");
    if (pressed) order(pressed.closest(".programs") ? "token-order" : "panel-order", pressed.value);
    if (!target.matches(".programs .take")) return;
    await copy(document.querySelector(".programs .secret").textContent);
    target.textContent = "Copied";
  });

  // Only the browser knows by which name and port it has come here.
  const tellAddresses = () => {
    for (const base of document.querySelectorAll("code.base:not(.told-here)")) {
      base.textContent = new URL(base.textContent.replace(/^\//, ""), location.href).href;
      base.classList.add("told-here");
    }
  };
  onChange(tellAddresses);
})();
