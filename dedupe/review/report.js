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
