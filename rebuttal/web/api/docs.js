"use strict";
// Shows openapi.json and sends what is tried. All words go in as text, never as HTML.

const MOST_SHOWN = 40000;
const METHODS = ["get", "post", "put", "patch", "delete"];

function put(parent, name, text, attributes) {
  const made = document.createElement(name);
  if (text) made.textContent = text;
  for (const [key, value] of Object.entries(attributes || {})) made.setAttribute(key, value);
  parent.append(made);
  return made;
}

// What stands between backticks is code; empty lines part paragraphs.
function putWords(parent, text, name = "p") {
  for (const paragraph of (text || "").split(/\n\s*\n/)) {
    const p = put(parent, name);
    paragraph.split("`").forEach((part, at) => {
      if (part) p.append(at % 2 ? Object.assign(document.createElement("code"), { textContent: part }) : part);
    });
  }
}

const resolve = (api, value) =>
  value && value.$ref ? value.$ref.slice(2).split("/").reduce((at, key) => at[key], api) : value;

const pretty = (value) => (typeof value === "string" ? value : JSON.stringify(value, null, 2));

const idOf = (method, path) => `${method}${path.replace(/^\/api\/v1/, "").replace(/[^a-z]+/gi, "-")}`;

function fields(form, route) {
  const found = [];
  const all = (route.parameters || []).filter((one) => one.in !== "cookie");
  if (!all.length) return found;
  put(form, "h4", "Fields");
  const grid = put(form, "div", "", { class: "fields" });
  for (const one of all) {
    const cell = put(grid, "div");
    const id = `${form.id}-${one.name}`;
    put(cell, "label", `${one.name}${one.required ? "" : " (optional)"}`, { for: id });
    const input = put(cell, "input", "", { id, autocomplete: "off", spellcheck: "false" });
    if (one.required) input.required = true;
    if (one.schema && one.schema.default !== undefined) input.placeholder = String(one.schema.default);
    if (one.description) putWords(cell, one.description, "small");
    found.push({ one, input });
  }
  return found;
}

function request(path, given) {
  let where = path;
  const query = new URLSearchParams();
  const headers = {};
  for (const { one, input } of given) {
    const value = input.value.trim();
    if (one.in === "path") where = where.replace(`{${one.name}}`, encodeURIComponent(value));
    else if (!value) continue;
    else if (one.in === "query") query.append(one.name, value);
    else headers[one.name] = value;
  }
  const token = document.getElementById("token").value.trim();
  if (token) headers.authorization = `Bearer ${token}`;
  return { where: query.size ? `${where}?${query}` : where, headers };
}

async function show(place, answer, signal) {
  place.replaceChildren();
  const refused = answer.ok ? "" : " refused";
  put(place, "p", `${answer.status} ${answer.statusText}`.trim(), { class: `status${refused}` });
  const shown = put(put(place, "pre", "", { tabindex: "0" }), "code");
  const kind = answer.headers.get("content-type") || "";
  if (!answer.body) return;
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  while (!signal.aborted) {
    const { done, value } = await reader.read();
    if (done) break;
    text = (text + value).slice(-MOST_SHOWN);
    shown.textContent = text;
  }
  if (kind.includes("json")) {
    try { shown.textContent = pretty(JSON.parse(text)).slice(0, MOST_SHOWN); } catch { /* cut */ }
  }
}

function tryIt(parent, method, path, route) {
  const form = put(parent, "form", "", { id: `try-${idOf(method, path)}` });
  const given = fields(form, route);
  const content = route.requestBody && route.requestBody.content["application/json"];
  let body = null;
  if (content) {
    put(form, "h4", "Body");
    const id = `${form.id}-body`;
    put(form, "label", "JSON", { for: id });
    body = put(form, "textarea", pretty(content.example || {}), { id, spellcheck: "false" });
  }
  put(form, "button", "Send");
  const stop = put(form, "button", "Stop", { type: "button", class: "quiet" });
  stop.hidden = true;
  const place = put(parent, "div", "", { class: "answer", "aria-live": "polite" });
  let line = new AbortController();
  stop.addEventListener("click", () => line.abort());
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    line.abort();
    const mine = (line = new AbortController());
    const { where, headers } = request(path, given);
    if (body) headers["content-type"] = "application/json";
    stop.hidden = false;
    try {
      const options = { method: method.toUpperCase(), headers, signal: mine.signal, credentials: "same-origin" };
      await show(place, await fetch(where, body ? { ...options, body: body.value } : options), mine.signal);
    } catch (error) {
      if (!mine.signal.aborted) {
        place.replaceChildren();
        put(place, "p", `No answer: ${error.message}`, { class: "status refused" });
      }
    }
    if (mine === line) stop.hidden = true;
  });
}

function answers(parent, api, route) {
  for (const [status, told] of Object.entries(route.responses)) {
    if (!status.startsWith("2")) continue;
    const found = Object.entries(resolve(api, told).content || {}).find(([, one]) => one.example !== undefined);
    if (!found) continue;
    put(parent, "h4", `Answer: ${status}`);
    put(put(parent, "pre", "", { tabindex: "0" }), "code", pretty(found[1].example));
  }
  put(parent, "h4", "What it can answer");
  const list = put(parent, "ul", "", { class: "statuses" });
  for (const [status, told] of Object.entries(route.responses)) {
    const line = put(list, "li");
    put(line, "b", status);
    line.append(resolve(api, told).description || "");
  }
}

function showRoute(parent, nav, api, method, path, route) {
  const id = idOf(method, path);
  put(nav, "a", route.summary, { href: `#${id}` });
  const fold = put(parent, "details", "", { id });
  const head = put(fold, "summary");
  put(head, "span", method.toUpperCase(), { class: `method ${method}` });
  put(head, "span", path, { class: "path" });
  put(head, "span", route.summary, { class: "what" });
  fold.addEventListener("toggle", () => {
    if (!fold.open || fold.querySelector(".route")) return;
    const inside = put(fold, "div", "", { class: "route" });
    putWords(inside, route.description);
    tryIt(inside, method, path, route);
    answers(inside, api, route);
  });
}

function openTarget() {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (target && target.tagName === "DETAILS") target.open = true;
  if (target) target.scrollIntoView();
}

async function begin() {
  const groups = document.getElementById("groups");
  const nav = document.getElementById("routes");
  let api;
  try {
    api = await (await fetch("/api/v1/openapi.json")).json();
  } catch (error) {
    put(groups, "p", `The description could not be read: ${error.message}. Reload the page.`);
    groups.removeAttribute("aria-busy");
    return;
  }
  putWords(document.getElementById("about"), api.info.description);
  const all = Object.entries(api.paths).flatMap(([path, item]) =>
    METHODS.filter((method) => item[method]).map((method) => [method, path, item[method]]));
  document.getElementById("open").hidden = !all.some(([, , route]) =>
    (route.security || []).some((way) => !Object.keys(way).length));
  for (const tag of api.tags) {
    const mine = all.filter(([, , route]) => (route.tags || [])[0] === tag.name);
    if (!mine.length) continue;
    const section = put(groups, "section");
    const title = tag.name[0].toUpperCase() + tag.name.slice(1);
    put(section, "h2", title);
    put(section, "p", tag.description);
    put(nav, "h3", title);
    for (const [method, path, route] of mine) showRoute(section, nav, api, method, path, route);
  }
  const problems = document.getElementById("problems");
  for (const [kind, words] of Object.entries(api.components.schemas.Problem["x-kinds"] || {})) {
    put(problems, "dt", kind, { id: `problem-${kind}` });
    putWords(problems, words, "dd");
  }
  groups.removeAttribute("aria-busy");
  openTarget();
}

addEventListener("hashchange", openTarget);
document.getElementById("who").addEventListener("submit", (event) => event.preventDefault());
begin();
