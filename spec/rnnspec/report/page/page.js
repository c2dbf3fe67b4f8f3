"use strict";
document.documentElement.className = "scripted";

// What results say is data: it comes into the document as text, by `el`, and never as markup.

const HIDDEN = /[\0-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff\ufffe\uffff]/gu;
const visible = (text) => String(text).replace(HIDDEN, (c) => "\\u" + c.charCodeAt(0).toString(16).padStart(4, "0"));
const $ = (name) => document.getElementById("page:" + name);
const decoded = (word) => { try { return decodeURIComponent(word); } catch { return word; } };
const plural = (many, word) => `${many.toLocaleString("en")} ${word}${many === 1 ? "" : "s"}`;

function el(tag, says = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(says)) {
    if (typeof value === "function") made.addEventListener(name, value);
    else if (value !== null && value !== false) made.setAttribute(name, value);
  }
  made.append(...children.map((child) => (child instanceof Node ? child : visible(child))));
  return made;
}

// The rows, read from the page when they are first needed.

const BAD = new Set(["FAIL", "FIXED", "CRASH", "TIMEOUT", "ERROR"]);
let kept = null;
const data = () => (kept ??= JSON.parse($("data").textContent));

let lines = []; // of the matrix: {clause, chapter, level, row, place}
let chapters = []; // their bodies

function rowsOf(line, column) {
  const cell = data().cells[line][column];
  if (!cell) return [];
  const [list, letters, headrooms, spent, messages, scripts, kernels] = cell;
  return data().lists[list].map((place, i) => ({
    case: data().cases[place],
    outcome: data().outcomes[letters[letters.length === 1 ? 0 : i]],
    headroom: headrooms && headrooms[i] !== -1 ? headrooms[i] : null,
    spent: spent[i],
    message: i in messages ? data().messages[messages[i]] : "",
    script: i in scripts ? data().scripts[scripts[i]] : "",
    kernels: i in kernels ? data().kernels[kernels[i]] : "",
  }));
}

// The fragment: `#CLAUSE/implementation/device/dtype?outcome=FAIL&q=word`.

const NONE = { outcome: [], level: [], rnn: [], chapter: "", q: "", differ: false };
let state = { ...NONE };
let shown = ""; // what the panel shows, as a fragment

function readFragment() {
  const [target, query = ""] = location.hash.slice(1).split(/\?(.*)/s);
  const found = new URLSearchParams(query);
  const all = (name) => found.getAll(name).map(visible);
  state = { outcome: all("outcome"), level: all("level"), rnn: all("rnn"), chapter: found.get("chapter") ?? "", q: found.get("q") ?? "", differ: found.has("differ") };
  return target;
}

function fragmentOf(target) {
  const query = new URLSearchParams();
  for (const name of ["outcome", "level", "rnn"]) state[name].forEach((value) => query.append(name, value));
  for (const name of ["chapter", "q"]) if (state[name]) query.set(name, state[name]);
  if (state.differ) query.set("differ", "1");
  const text = query.toString();
  return "#" + target + (text ? "?" + text : "");
}

function goTo(target, replace = false) {
  history[replace ? "replaceState" : "pushState"](null, "", fragmentOf(target));
  shown = target;
}

// A page is read later than it is made.

function tellAges() {
  const stale = Number(document.documentElement.dataset.stale);
  for (const time of document.querySelectorAll("time")) {
    const days = Math.floor((Date.now() - Date.parse(time.dateTime)) / 864e5);
    if (days > stale) time.after(" ", el("strong", { class: "old" }, `old: ${days} days`));
    else if (days < -1) time.after(" ", el("strong", { class: "old" }, "a day to come"));
  }
}

document.addEventListener("DOMContentLoaded", () => {
  chapters = [...document.querySelectorAll("tbody.chapter")];
  for (const chapter of chapters)
    for (const row of chapter.rows)
      if (row.dataset.level !== undefined)
        lines.push({ clause: row.cells[0].querySelector("bdi").textContent, chapter: chapter.dataset.chapter, level: row.dataset.level, row, place: lines.length });
  tellAges();
  if (lines.length) {
    listenToFilters();
    listenToKeys();
  }
  addEventListener("hashchange", follow);
  follow();
  document.documentElement.dataset.ready = Math.round(performance.now());
});

function follow() {
  if (location.hash.startsWith("#page:")) return; // a place on the page
  const target = readFragment();
  if (lines.length) {
    showFilters();
    applyFilters();
  }
  open(target);
  if (!target && filtered() && lines.length) $("clauses").scrollIntoView();
}
