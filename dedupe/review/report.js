// Verdicts in the static report: kept in this browser, taken away as decisions.jsonl. Texts are only ever set as text.
"use strict";

// All pages of a run share its verdicts: by the browser's storage where that serves them all, and by what a link from page to
// page carries along where each file has a storage of its own, or none. Of two verdicts on one target the later counts; one
// that was taken back stays as a line without verdict, so that it does not come back from another page.
const key = `dedupe decisions ${document.documentElement.dataset.run}`;
let verdicts = merge(merge({}, readStored()), readCarried());
let unsaved = false;

function merge(one, other) {
  const both = { ...one };
  for (const [target, line] of Object.entries(other)) {
    if (!both[target] || both[target].at < line.at) both[target] = line;
  }
  return both;
}

function readStored() {
  try {
    return checked(JSON.parse(localStorage.getItem(key)));
  } catch {
    return {};
  }
}

function readCarried() {
  const found = /^#verdicts=(.*)$/.exec(location.hash);
  if (!found || location.protocol !== "file:") return {}; // elsewhere the storage serves all pages, and others can make links
  history.replaceState(null, "", location.pathname + location.search);
  try {
    return checked(JSON.parse(decodeURIComponent(found[1])));
  } catch {
    return {};
  }
}

// Only what a verdict given here looks like.
function checked(lines) {
  const fits = ([target, line]) => line && line.target === target && /^(edit|rule):/.test(target) && typeof line.at === "string"
    && [null, "accept", "reject", "replace"].includes(line.verdict) && typeof line.by === "string"
    && (line.replacement === null || typeof line.replacement === "string");
  return Object.fromEntries(Object.entries(lines || {}).filter(fits));
}

function store() {
  verdicts = merge(readStored(), verdicts);
  try {
    localStorage.setItem(key, JSON.stringify(verdicts));
  } catch {
    // A browser that keeps nothing still lets the file be downloaded; leaving the page asks first.
  }
}

function decide(target, verdict, replacement = null) {
  const earlier = verdicts[target];
  const again = earlier && earlier.verdict === verdict && verdict !== "replace";
  const at = new Date().toISOString().replace(/(\.\d+)Z$/, "$1000Z");
  verdicts[target] = { target, verdict: again ? null : verdict, replacement, by: name.value.trim(), at, note: "" };
  unsaved = true;
  store();
  draw();
}

const given = () => Object.values(verdicts).filter((line) => line.verdict);

function addButtons(place, target) {
  const group = document.createElement("span");
  group.className = "verdicts";
  for (const verdict of ["accept", "reject", "replace"]) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = verdict;
    button.dataset.target = target;
    button.dataset.verdict = verdict;
    button.addEventListener("click", (event) => {
      event.preventDefault();
      const words = verdict === "replace" ? prompt("Your own words", proposed(button)) : null;
      if (verdict !== "replace" || words !== null) decide(target, verdict, words);
    });
    group.append(" ", button);
  }
  place.append(group);
}

// What the edit, or the first one of the rule, would put in.
function proposed(button) {
  const words = button.closest("[data-edit], details").querySelector("ins");
  return words ? words.textContent : "";
}

function draw() {
  for (const button of document.querySelectorAll("[data-verdict]")) {
    const line = verdicts[button.dataset.target];
    const pressed = Boolean(line) && line.verdict === button.dataset.verdict;
    button.setAttribute("aria-pressed", String(pressed));
    button.title = pressed && line.replacement !== null ? line.replacement : "";
  }
  const number = given().length;
  save.textContent = `Download decisions.jsonl (${number})`;
  save.disabled = number === 0;
}

const bar = document.createElement("p");
bar.className = "bar";
const label = document.createElement("label");
label.textContent = "Your name ";
const name = document.createElement("input");
name.autocomplete = "name";
name.value = given().reduce((by, line) => line.by || by, "");
label.append(name);
const save = document.createElement("button");
save.type = "button";
save.id = "download";
save.addEventListener("click", () => {
  const lines = given().map((line) => `${JSON.stringify({ ...line, by: line.by || name.value.trim() })}\n`);
  const link = document.createElement("a");
  link.download = "decisions.jsonl";
  link.href = URL.createObjectURL(new Blob(lines, { type: "application/x-ndjson" }));
  link.click();
  URL.revokeObjectURL(link.href);
  unsaved = false;
});
const hint = document.createElement("span");
hint.className = "quiet";
const command = document.createElement("code");
command.textContent = "dedupe decide OUT --import decisions.jsonl";
hint.append(" then: ", command, "; the file holds the verdicts of all pages");
bar.append(label, " ", save, hint);
document.querySelector("header").append(bar);

for (const edit of document.querySelectorAll("[data-edit]")) addButtons(edit, `edit:${edit.dataset.edit}`);
for (const rule of document.querySelectorAll("[data-rule]")) {
  const line = document.createElement("p");
  line.className = "edit quiet";
  line.textContent = `all ${rule.querySelector(".count").textContent} of this rule:`;
  addButtons(line, `rule:${rule.dataset.rule}`);
  rule.querySelector("summary").after(line);
}
store();
draw();
addEventListener("storage", (event) => {
  if (event.key !== key) return;
  verdicts = merge(verdicts, readStored());
  draw();
});
let leaving = false; // for another page of this report, which the verdicts come along to
for (const link of document.querySelectorAll("nav a:not([href^='#']), main a:not([href^='#'])")) {
  link.addEventListener("click", () => {
    leaving = true;
    if (location.protocol === "file:" && Object.keys(verdicts).length) link.hash = `verdicts=${encodeURIComponent(JSON.stringify(verdicts))}`;
  });
}
addEventListener("pageshow", () => { leaving = false; });
addEventListener("beforeunload", (event) => { if (unsaved && !leaving) event.preventDefault(); });

// Filters: which edits are shown. Groups without any are hidden; how many are left is said aloud.
const edits = [...document.querySelectorAll("[data-edit]")].map((line) => ({ line, words: line.textContent.toLowerCase(), group: line.closest("details") }));

function addFilters() {
  const filters = document.createElement("p");
  filters.className = "filters";
  const search = document.createElement("input");
  search.type = "search";
  search.id = "search";
  const tier = choice(["any tier", ...new Set(edits.map(({ line }) => line.dataset.tier))]);
  const state = choice(["made or not", "made", "not made"]);
  const quoted = choice(["in quotations or not", "in a quotation", "not in a quotation"]);
  const left = document.createElement("output");
  left.setAttribute("aria-live", "polite");
  const keys = document.createElement("span");
  keys.className = "quiet";
  keys.textContent = "/ searches, j and k go through the edits, y accepts, n rejects, e puts in your own words";
  filters.append(labelled("Search ", search), labelled("Tier ", tier), labelled("State ", state), labelled("Quotations ", quoted), left, keys);
  document.getElementById("edits").after(filters);
  const apply = () => {
    const words = search.value.toLowerCase();
    const filled = new Set();
    let shown = 0;
    for (const edit of edits) {
      const { tier: of, made, quoted: within } = edit.line.dataset;
      const fits = edit.words.includes(words) && (tier.selectedIndex === 0 || tier.value === of)
        && (state.selectedIndex === 0 || (state.selectedIndex === 1) === (made === "1"))
        && (quoted.selectedIndex === 0 || (quoted.selectedIndex === 1) === (within === "1"));
      edit.line.hidden = !fits;
      shown += fits;
      if (fits) filled.add(edit.group);
    }
    const narrowed = shown < edits.length;
    for (const group of new Set(edits.map((edit) => edit.group))) {
      if (!group) continue;
      group.hidden = !filled.has(group);
      group.open = narrowed && filled.has(group);
    }
    left.textContent = `${shown} of ${edits.length} edits`;
  };
  for (const control of [search, tier, state, quoted]) control.addEventListener("input", apply);
  left.textContent = `${edits.length} of ${edits.length} edits`;
}

function choice(names) {
  const select = document.createElement("select");
  for (const text of names) {
    const option = document.createElement("option");
    option.textContent = text;
    select.append(option);
  }
  return select;
}

function labelled(text, control) {
  const place = document.createElement("label");
  place.append(text, control);
  return place;
}

function go(step) {
  const shown = edits.filter(({ line }) => !line.hidden);
  const at = shown.findIndex(({ line }) => line.contains(document.activeElement));
  const next = shown[Math.min(Math.max(at + step, 0), shown.length - 1)];
  if (!next) return;
  if (next.group) next.group.open = true;
  next.line.tabIndex = -1;
  next.line.focus();
}

if (edits.length) addFilters();
addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, select, textarea")) return;
  if (event.key === "j" || event.key === "k") go(event.key === "j" ? 1 : -1);
  const verdict = { y: "accept", n: "reject", e: "replace" }[event.key];
  const here = document.activeElement.closest("[data-edit]");
  if (verdict && here) {
    here.querySelector(`[data-verdict="${verdict}"]`).click();
    go(1);
  }
  if (event.key === "/" && edits.length) {
    event.preventDefault();
    document.getElementById("search").focus();
  }
});
