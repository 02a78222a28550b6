// Verdicts in the static report: kept in this browser, taken away as decisions.jsonl. Texts are only ever set as text.
"use strict";

const key = `dedupe decisions ${document.documentElement.dataset.run}`;
const verdicts = read();
let unsaved = false;

function read() {
  try {
    return JSON.parse(localStorage.getItem(key)) || {};
  } catch {
    return {};
  }
}

function decide(target, verdict, replacement = null) {
  const line = { target, verdict, replacement, by: name.value.trim(), at: new Date().toISOString().replace(/(\.\d+)Z$/, "$1000Z"), note: "" };
  if (verdicts[target] && verdicts[target].verdict === verdict && verdict !== "replace") delete verdicts[target];
  else verdicts[target] = line;
  unsaved = true;
  try {
    localStorage.setItem(key, JSON.stringify(verdicts));
  } catch {
    // A browser that keeps nothing still lets the file be downloaded; leaving the page asks first.
  }
  draw();
}

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
      const words = verdict === "replace" ? prompt("Your own words") : null;
      if (verdict !== "replace" || words !== null) decide(target, verdict, words);
    });
    group.append(" ", button);
  }
  if (target.startsWith("rule:")) group.lastChild.remove();
  place.append(group);
}

function draw() {
  for (const button of document.querySelectorAll("[data-verdict]")) {
    const line = verdicts[button.dataset.target];
    const pressed = Boolean(line) && line.verdict === button.dataset.verdict;
    button.setAttribute("aria-pressed", String(pressed));
    button.title = pressed && line.replacement !== null ? line.replacement : "";
  }
  const number = Object.keys(verdicts).length;
  save.textContent = `Download decisions.jsonl (${number})`;
  save.disabled = number === 0;
}

const bar = document.createElement("p");
bar.className = "bar";
const label = document.createElement("label");
label.textContent = "Your name ";
const name = document.createElement("input");
name.autocomplete = "name";
label.append(name);
const save = document.createElement("button");
save.type = "button";
save.id = "download";
save.addEventListener("click", () => {
  const lines = Object.values(verdicts).map((line) => `${JSON.stringify({ ...line, by: line.by || name.value.trim() })}\n`);
  const link = document.createElement("a");
  link.download = "decisions.jsonl";
  link.href = URL.createObjectURL(new Blob(lines, { type: "application/x-ndjson" }));
  link.click();
  URL.revokeObjectURL(link.href);
  unsaved = false;
});
const hint = document.createElement("span");
hint.className = "quiet";
hint.textContent = " then: dedupe decide OUT --import decisions.jsonl";
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
draw();
addEventListener("beforeunload", (event) => { if (unsaved) event.preventDefault(); });

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
  keys.textContent = "/ searches, j and k go through the edits";
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
  if (event.key === "/" && edits.length) {
    event.preventDefault();
    document.getElementById("search").focus();
  }
});
