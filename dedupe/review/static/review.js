// The review page. Whatever comes from articles enters the page as text (textContent); no markup is ever made of it.
"use strict";

const PAGE = 50;
const TYPED_ABOVE = 1000;
const INVISIBLE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\u00a0]/gu;
const KEYS = [
  ["j k", "next, previous"], ["y n", "accept, reject, and on to the next that waits"], ["e", "your own words instead"],
  ["s", "skip for now"], ["m", "mark for a second reader"], ["a d", "accept, reject the rest of this rule"],
  ["p P", "accept, reject this pair everywhere"], ["u", "take back my last decision"], ["c", "the article around the edit"],
  ["v", "inline, side by side, original, final"], ["[ ]", "previous, next rule"], ["/", "search"], ["1 2 3", "edits, duplicates, history"],
  ["Esc", "close; leave a field"], ["in duplicates", "j k move, y same, n not a duplicate, x keep this version, b shared boilerplate, c side by side"],
];

const $ = (id) => document.getElementById(id);
const page = { rules: [], rule: null, edits: [], total: 0, place: 0, filter: "", layout: "inline", clusters: [], member: 0, lines: 0 };
const token = takeToken();

function takeToken() {
  const found = /^#token=([\w-]+)$/.exec(location.hash);
  if (found) {
    sessionStorage.setItem("token", found[1]);
    history.replaceState(null, "", location.pathname);
  }
  return sessionStorage.getItem("token") || "";
}

// ---- talking to the server

async function ask(path, parameters = {}) {
  const query = new URLSearchParams(parameters).toString();
  return answer(await fetch(`/api/${path}${query ? "?" + query : ""}`, { headers: { "X-Dedupe-Token": token } }));
}

async function send(path, body = {}) {
  return answer(await fetch(`/api/${path}`, {
    method: "POST",
    headers: { "X-Dedupe-Token": token, "Content-Type": "application/json" },
    body: JSON.stringify(body),
  }));
}

async function answer(response) {
  const told = await response.json();
  if (!response.ok) throw new Error(told.error || `the server answered ${response.status}`);
  return told;
}

function guard(work) {
  return async (...given) => {
    try {
      return await work(...given);
    } catch (error) {
      say(error instanceof TypeError ? "the server is gone; start `dedupe review --web` again" : error.message);
      return undefined;
    }
  };
}

function say(text) {
  $("status").textContent = text;
}

// ---- building elements

function make(tag, facts = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(facts)) {
    if (name === "class") element.className = value;
    else if (name === "press") element.addEventListener("click", value);
    else if (value !== null && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children);
  return element;
}

// The text with control, bidirectional and zero-width characters as boxed code points.
function show(text) {
  const parts = document.createDocumentFragment();
  let end = 0;
  for (const found of text.matchAll(INVISIBLE)) {
    if (found[0] === "\n") continue;
    const code = found[0].codePointAt(0).toString(16).toUpperCase().padStart(4, "0");
    parts.append(text.slice(end, found.index), make("span", { class: "box" }, `U+${code}`));
    end = found.index + found[0].length;
  }
  parts.append(text.slice(end));
  return parts;
}

function mark([change, text]) {
  if (change === "gone") return make("del", {}, show(text));
  if (change === "new") return make("ins", {}, show(text));
  if (change.startsWith("moved")) return make("span", { class: "moved", title: change === "moved-from" ? "moved from here" : "moved to here" }, show(text));
  return show(text);
}

const number = (n) => n.toLocaleString("en");
const plural = (n, word) => `${number(n)} ${word}${n === 1 ? "" : "s"}`;
const percent = (share) => `${Math.round(share * 100)} %`;
const button = (text, press, facts = {}) => make("button", { type: "button", press, ...facts }, text);

// ---- totals

function drawState(state) {
  page.state = state;
  $("run").textContent = state.run;
  const { all, pending, accepted, rejected, replaced } = state.counts;
  const cards = [[pending, "wait"], [accepted, "accepted"], [rejected, "rejected"], [replaced, "in your words"], [all, "edits in all"],
    [state.clusters, "clusters of versions"], [state.decisions, "decisions in force"]];
  $("totals").replaceChildren(...cards.map(([n, label]) => make("li", {}, make("b", {}, number(n)), label)));
  document.title = `${number(pending)} wait · dedupe review`;
  $("conflicts").hidden = !state.conflicts.length;
  $("conflicts").textContent = state.conflicts.length
    ? `Reviewers disagree; neither verdict counts until somebody decides again:\n${state.conflicts.slice(0, 10).join("\n")}` : "";
}

const refreshState = guard(async () => drawState(await ask("state")));

// ---- rules

const loadRules = guard(async (more = false) => {
  const offset = more ? page.rules.length : 0;
  const told = await ask("groups", { filter: page.filter, offset, limit: 100 });
  page.rules = more ? page.rules.concat(told.groups) : told.groups;
  page.rulesTotal = told.total;
  drawRules();
});

const sayRules = () => say(plural(page.rulesTotal, "rule") + (page.filter ? " with edits that pass the filter" : ""));

function drawRules() {
  const rows = page.rules.map((group) => {
    const { pending, all } = group.counts;
    const facts = { "aria-current": group.rule === page.rule ? "true" : false, class: pending ? "" : "done" };
    return make("li", {}, button("", () => openRule(group.rule), facts));
  });
  rows.forEach((row, place) => {
    const group = page.rules[place];
    row.firstChild.append(
      make("del", {}, show(cut(group.before, 30))), " ", make("ins", {}, show(cut(group.after, 30))),
      make("small", {}, show(group.rule), ` · ${group.tiers.join(" ")} · ${number(group.counts.pending)} of ${number(group.counts.all)} wait`),
    );
  });
  $("rules").querySelector("ul").replaceChildren(...rows);
  $("rules").querySelector(".more").hidden = page.rules.length >= page.rulesTotal;
}

const CONTEXT = 60; // characters on each side that a run keeps; there the cut may be within a word
const cutStart = (text) => (text.length < CONTEXT ? text : `…${text.slice(text.indexOf(" "))}`);
const cutEnd = (text) => (text.length < CONTEXT ? text : `${text.slice(0, text.lastIndexOf(" ") + 1)}…`);
const cut = (text, most) => (text.length > most ? `${text.slice(0, most)}…` : text);

async function openRule(rule) {
  page.rule = rule;
  page.place = 0;
  await loadEdits();
  page.place = Math.max(0, page.edits.findIndex((edit) => edit.status === "pending"));
  markPlace();
  drawRules();
  focusEdit(false);
}

const stepRule = guard(async (step) => {
  const place = page.rules.findIndex((group) => group.rule === page.rule) + step;
  if (page.rules[place]) await openRule(page.rules[place].rule);
});

// ---- edits

const loadEdits = guard(async (more = false) => {
  if (!page.rule) {
    page.edits = [];
    page.total = 0;
    drawEdits();
    return;
  }
  const told = await ask("edits", { rule: page.rule, filter: page.filter, offset: more ? page.edits.length : 0, limit: PAGE });
  page.edits = more ? page.edits.concat(told.edits) : told.edits;
  page.total = told.total;
  page.group = told.group;
  drawEdits();
});

function drawEdits() {
  $("list").replaceChildren(...page.edits.map(drawEdit));
  $("more").hidden = page.edits.length >= page.total;
  drawBar();
  markPlace();
}

function drawBar() {
  const group = page.group;
  if (!page.rule || !group) {
    $("bar").replaceChildren(make("p", {}, page.filter ? "No edit passes the filter." : "The run made no edits."));
    return;
  }
  const { pending, accepted, rejected, replaced, all } = group.counts;
  const counts = make("p", {}, make("code", {}, show(group.rule)), ` ${number(pending)} of ${number(all)} wait; ${number(accepted)} accepted, `
    + `${number(rejected)} rejected, ${number(replaced)} in own words. `);
  if (group.bound && group.bound.accepted >= 10 && pending) {
    counts.append(make("strong", {}, `${number(group.bound.accepted)} of the random sample of ${group.sample} accepted, none rejected: `
      + `at most ${percent(group.bound.share)} of this rule’s edits are wrong (95 %).`));
  }
  const acts = [["accept", "a"], ["reject", "d"]].map(([verdict, key]) =>
    button(`${verdict === "accept" ? "Accept" : "Reject"} the ${number(pending)} that wait`, () => decideMany(`rule:${group.rule}`, verdict),
      { title: `asks first, with a sample (${key})`, disabled: !pending }));
  $("bar").replaceChildren(counts, ...acts);
}

function drawEdit(edit, place) {
  const item = make("li", { class: `item ${edit.status}`, tabindex: "-1", "data-id": edit.id });
  fillEdit(item, edit);
  item.addEventListener("focus", () => { page.place = page.edits.findIndex((e) => e.id === edit.id); markPlace(); });
  if (place === 0) item.tabIndex = 0;
  return item;
}

function fillEdit(item, edit) {
  const decision = edit.decision;
  const words = decision && decision.verdict === "replace" ? decision.replacement : edit.after;
  const marks = decision && decision.verdict === "replace" ? [["gone", edit.before], ["new", words]] : edit.marks;
  item.className = `item ${edit.status}`;
  item.replaceChildren(drawWording(edit, marks, words), make("p", { class: "facts" }, ...tellFacts(edit)), drawActs(item, edit));
}

function drawWording(edit, marks, words) {
  const around = (...middle) => make("p", {}, show(cutStart(edit.left)), ...middle, show(cutEnd(edit.right)));
  if (page.layout === "original") return around(make("strong", {}, show(edit.before)));
  if (page.layout === "final") return around(make("strong", {}, show(edit.status === "rejected" ? edit.before : words)));
  if (page.layout === "side") {
    const sides = ["gone", "new"].map((kept) => around(...marks.filter(([c]) => c === "same" || c === kept).map(mark)));
    return make("div", { class: "side" }, ...sides);
  }
  return around(...marks.map(mark));
}

function tellFacts(edit) {
  const facts = [edit.tier + (edit.made ? "" : ", not made")];
  if (edit.in_quote) facts.push("in a quotation");
  if (edit.evidence.length) facts.push(`evidence: ${edit.evidence.join(", ")}`);
  facts.push(`${edit.article} ${edit.field} ${edit.start}${edit.source ? ` (${edit.source})` : ""}`);
  const decision = edit.decision;
  facts.push(decision ? `${edit.status} by ${decision.by || "somebody"}${decision.target.startsWith("edit:") ? "" : `: ${decision.target}`}` : "waits");
  return [show(facts.join(" · "))];
}

function drawActs(item, edit) {
  const pair = `pair:${edit.before}→${edit.after}`;
  return make("div", { class: "acts" },
    button("Accept", () => decide(edit, "accept"), { title: "y", "aria-pressed": String(edit.status === "accepted") }),
    button("Reject", () => decide(edit, "reject"), { title: "n", "aria-pressed": String(edit.status === "rejected") }),
    button("Replace", () => openReplace(item, edit), { title: "e", "aria-pressed": String(edit.status === "replaced") }),
    button("Pair everywhere: accept", () => decideMany(pair, "accept"), { title: "p" }),
    button("reject", () => decideMany(pair, "reject"), { title: "P", "aria-label": "Pair everywhere: reject" }),
    button("Article", () => openArticle(edit), { title: "c" }));
}

function markPlace() {
  [...$("list").children].forEach((item, place) => {
    item.toggleAttribute("aria-current", place === page.place);
    if (place === page.place) item.setAttribute("aria-current", "true");
    item.tabIndex = place === page.place ? 0 : -1;
  });
}

function focusEdit(scroll = true) {
  const item = $("list").children[page.place];
  if (!item) return;
  item.focus({ preventScroll: !scroll });
  markPlace();
}

async function moveTo(place) {
  if (place >= page.edits.length && page.edits.length < page.total) await loadEdits(true);
  if (place < 0 || place >= page.edits.length) return say("there is none further in this rule; ] goes to the next");
  page.place = place;
  focusEdit();
}

async function moveOn() {
  for (let place = page.place + 1; ; place++) {
    if (place >= page.edits.length && page.edits.length < page.total) await loadEdits(true);
    if (place >= page.edits.length) break;
    if (page.edits[place].status === "pending") return moveTo(place);
  }
  focusEdit();
  return say("nothing further waits in this rule; ] goes to the next");
}

const STATES = { accept: "accepted", reject: "rejected", replace: "replaced" };

const decide = guard(async (edit, verdict, replacement = null, note = "") => {
  const place = page.edits.findIndex((e) => e.id === edit.id);
  const earlier = { status: edit.status, decision: edit.decision };
  page.place = place;
  if (STATES[verdict]) {
    edit.status = STATES[verdict];
    edit.decision = { verdict, replacement, by: page.state.reviewer, target: `edit:${edit.id}` };
  }
  redraw(place);
  const saved = send("decide", { target: `edit:${edit.id}`, verdict, replacement, note });
  const moved = moveOn();
  try {
    const told = await saved;
    drawState(told.state);
    await moved;
    await refreshGroup();
  } catch (error) {
    Object.assign(edit, earlier);
    redraw(place);
    throw error;
  }
});

function redraw(place) {
  const item = $("list").children[place];
  if (item) fillEdit(item, page.edits[place]);
}

const refreshGroup = guard(async () => {
  const told = await ask("edits", { rule: page.rule, filter: page.filter, limit: 1 });
  page.group = told.group;
  const place = page.rules.findIndex((group) => group.rule === page.rule);
  if (place >= 0 && told.group) page.rules[place] = told.group;
  drawBar();
  drawRules();
});

function openReplace(item, edit) {
  const field = make("input", { "aria-label": "Your own words", autocomplete: "off" });
  field.value = edit.decision && edit.decision.verdict === "replace" ? edit.decision.replacement : edit.after;
  const save = () => decide(edit, "replace", field.value);
  field.addEventListener("keydown", (event) => {
    if (event.key === "Enter") save();
    if (event.key === "Escape") { fillEdit(item, edit); item.focus(); }
    event.stopPropagation();
  });
  item.querySelector(".acts").replaceChildren(field, button("Save", save, { class: "strong" }), button("Cancel", () => { fillEdit(item, edit); item.focus(); }));
  field.focus();
  field.select();
}

// A decision on many edits: the number and a sample are shown first, and the server is told the number.
const decideMany = guard(async (target, verdict) => {
  const told = await ask("sample", { target });
  if (!told.waiting) return say("nothing of it waits");
  const rows = told.edits.map((edit) => make("li", {}, show(cutStart(edit.left)), ...edit.marks.map(mark), show(cutEnd(edit.right))));
  const rest = told.waiting > rows.length ? `${rows.length} of them at random:` : "All of them:";
  const body = [make("p", {}, make("code", {}, show(target))), make("p", {}, rest), make("ul", {}, ...rows)];
  const title = `${verdict === "accept" ? "Accept" : "Reject"} ${plural(told.waiting, "edit")}?`;
  if (!(await confirmed(title, body, told.waiting > TYPED_ABOVE ? told.waiting : 0))) return say("nothing was decided");
  const done = await send("decide", { target, verdict, count: told.waiting });
  drawState(done.state);
  await reloadEdits();
  return say(`${STATES[verdict]} ${plural(told.waiting, "edit")}; u takes it back`);
});

function confirmed(title, body, typed) {
  const dialog = $("ask");
  $("ask-title").textContent = title;
  $("ask-body").replaceChildren(...body);
  $("ask-type").hidden = !typed;
  $("ask-type").firstElementChild.textContent = `Type ${typed} to decide them all:`;
  $("ask-count").value = "";
  $("ask-yes").disabled = Boolean(typed);
  $("ask-count").oninput = () => { $("ask-yes").disabled = $("ask-count").value.replace(/\D/g, "") !== String(typed); };
  dialog.returnValue = "no";
  dialog.showModal();
  (typed ? $("ask-count") : $("ask-yes")).focus();
  return new Promise((settle) => dialog.addEventListener("close", () => settle(dialog.returnValue === "yes"), { once: true }));
}

async function reloadEdits() {
  const kept = page.edits[page.place];
  const shown = Math.max(PAGE, page.edits.length);
  await loadEdits();
  while (page.edits.length < Math.min(shown, page.total)) await loadEdits(true);
  page.place = Math.max(0, page.edits.findIndex((edit) => kept && edit.id === kept.id));
  drawEdits();
  focusEdit(false);
  await loadRules();
}

const undo = guard(async (target = "") => {
  const told = await send("undo", { target });
  drawState(told.state);
  await reloadAll();
  say(told.undone.length ? `taken back: ${told.undone[0].verdict} on ${told.undone[0].target}` : "there is nothing of yours to take back");
});

async function reloadAll() {
  if (!$("edits").hidden) await reloadEdits();
  if (!$("clusters").hidden) await loadClusters();
  if (!$("history").hidden) await loadHistory();
}

// ---- the article around an edit

const openArticle = guard(async (edit) => {
  const told = await ask("article", { edit: edit.id });
  const body = make("div", {});
  const views = make("p", { class: "acts" });
  const text = make("div", { class: "reading" });
  const draw = (view) => {
    text.replaceChildren(...told.pieces.flatMap((piece) => drawPiece(piece, view, edit.id)));
    [...views.children].forEach((child) => child.setAttribute("aria-pressed", String(child.dataset.view === view)));
  };
  for (const view of ["marked", "original", "final"]) views.append(button(view, () => draw(view), { "data-view": view }));
  const facts = [told.title, told.source, told.date, told.url].filter(Boolean).join(" · ");
  body.append(make("p", { class: "quiet" }, show(facts)), views, text);
  draw("marked");
  openSheet(told.id, body);
  const here = text.querySelector(".here");
  if (here) here.scrollIntoView({ block: "center" });
});

function drawPiece(piece, view, id) {
  if (piece.text !== undefined) return [show(piece.text)];
  const here = piece.id === id ? "here" : "";
  if (view === "original") return [make("span", { class: here }, show(piece.before))];
  if (view === "final") return [make("span", { class: here }, show(piece.made ? piece.after : piece.before))];
  const title = piece.made ? "made" : "not made";
  return [make("span", { class: `${here} ${piece.made ? "" : "off"}`, title }, make("del", {}, show(piece.before)), make("ins", {}, show(piece.after)))];
}

function openSheet(title, body) {
  $("sheet-title").replaceChildren(show(title));
  $("sheet-body").replaceChildren(body);
  if (!$("sheet").open) $("sheet").showModal();
  $("sheet-body").focus();
}

// ---- duplicates

const loadClusters = guard(async (more = false) => {
  const offset = more ? page.clusters.length : 0;
  const told = await ask("clusters", { filter: $("cluster-filter").value, offset, limit: PAGE });
  page.clusters = more ? page.clusters.concat(told.clusters) : told.clusters;
  $("cluster-list").replaceChildren(...page.clusters.map(drawCluster));
  $("more-clusters").hidden = page.clusters.length >= told.total;
  markMember();
  say(`${plural(told.total, "cluster")}`);
});

const CLUSTER_WORDS = { different: "not a duplicate: both are kept", same: "the same", boilerplate: "shares boilerplate only: both are kept", canonical: "to be kept instead" };

function drawCluster(cluster) {
  const members = cluster.members.map((member) => {
    const link = member.kind ? ` · ${member.kind}, Jaccard ${member.jaccard.toFixed(2)}, containment ${member.containment.toFixed(2)}` : "";
    const row = make("li", { class: "member", tabindex: "-1", "data-a": cluster.canonical, "data-b": member.id },
      make("span", { class: "id" }, show(member.id)), make("span", { class: "quiet" }, show(link)), " ",
      member.verdict ? make("span", { class: "tag" }, CLUSTER_WORDS[member.verdict] || member.verdict) : "",
      make("div", { class: "acts" },
        button("Side by side", () => openVersions(cluster.canonical, member.id), { title: "c" }),
        button("Same", () => decideCluster(member.target, "same"), { title: "y" }),
        button("Not a duplicate", () => decideCluster(member.target, "different"), { title: "n" }),
        button("Shared boilerplate", () => decideCluster(member.target, "boilerplate"), { title: "b" }),
        button("Keep this version", () => decideCluster(`canonical:${member.id}`, "accept"), { title: "x", disabled: cluster.linked }),
        member.verdict ? button("Undo", () => undo(member.verdict === "canonical" ? `canonical:${member.id}` : member.target)) : ""));
    row.member = { cluster, member };
    return row;
  });
  const rest = cluster.number - 1 - members.length;
  return make("li", { class: "cluster" },
    make("h3", {}, make("span", { class: "id" }, show(cluster.canonical)), " ", make("span", { class: "tag" }, cluster.kind),
      cluster.chosen ? make("span", { class: "tag" }, "chosen by a reviewer") : ""),
    make("p", { class: "quiet" }, show(cluster.reason)), make("ul", {}, ...members),
    rest > 0 ? make("p", { class: "quiet" }, `and ${number(rest)} more`) : "");
}

const decideCluster = guard(async (target, verdict) => {
  const told = await send("decide", { target, verdict });
  drawState(told.state);
  await loadClusters();
  say(`${verdict} ${target}: from the next apply on; u takes it back`);
});

const openVersions = guard(async (a, b) => {
  const told = await ask("versions", { a, b });
  const heads = told.heads.map((head) => make("th", {}, show([head.id, head.title, head.source, head.date].filter(Boolean).join(" · "))));
  const rows = told.rows.map((halves) => make("tr", {}, ...halves.map((marks) => make("td", {}, ...marks.map(mark)))));
  openSheet(`${a} and ${b}`, make("table", { class: "aligned" }, make("thead", {}, make("tr", {}, ...heads)), make("tbody", {}, ...rows)));
});

const members = () => [...$("cluster-list").querySelectorAll(".member")];

function markMember(focus = false) {
  members().forEach((row, place) => {
    row.classList.toggle("here", place === page.member);
    row.tabIndex = place === page.member ? 0 : -1;
    if (focus && place === page.member) row.focus();
  });
}

// ---- history

const loadHistory = guard(async (more = false) => {
  const told = await ask("history", { offset: more ? page.lines : 0, limit: 100 });
  const rows = told.decisions.map((line) => make("tr", {},
    make("td", { class: "id" }, show(line.at.replace("T", " ").slice(0, 19))), make("td", {}, show(line.by)),
    make("td", {}, line.verdict, line.replacement === null ? "" : make("ins", {}, show(line.replacement))),
    make("td", { class: "id" }, show(line.target)), make("td", {}, show(line.note)),
    make("td", {}, line.standing && line.verdict !== "revert" ? button("Undo", () => undo(line.target), { "aria-label": `Undo ${line.verdict} on ${line.target}` }) : "")));
  if (more) $("lines").append(...rows);
  else $("lines").replaceChildren(...rows);
  page.lines = $("lines").children.length;
  $("more-lines").hidden = page.lines >= told.total;
});

// ---- the whole

function openTab(name) {
  for (const tab of ["edits", "clusters", "history"]) {
    $(tab).hidden = tab !== name;
    $(`tab-${tab}`).setAttribute("aria-selected", String(tab === name));
    $(`tab-${tab}`).tabIndex = tab === name ? 0 : -1;
  }
  if (name === "edits") { drawEdits(); focusEdit(false); }
  if (name === "clusters") loadClusters();
  if (name === "history") loadHistory();
}

const search = guard(async () => {
  page.filter = $("filter").value.trim();
  page.edits = []; // so that no key decides on an edit that is about to go
  await loadRules();
  if (!page.rules.some((group) => group.rule === page.rule)) page.rule = page.rules.length ? page.rules[0].rule : null;
  page.place = 0;
  await loadEdits();
  drawRules();
  sayRules();
});

const apply = guard(async () => {
  say("writing the corpus …");
  $("apply").disabled = true;
  try {
    const told = await send("apply");
    drawState(told.state);
    await reloadAll();
    const { kept, repaired, duplicate, quarantined } = told.summary.counts;
    const stale = told.summary.stale.length ? `; ${plural(told.summary.stale.length, "decision")} not in effect: ${told.summary.stale.slice(0, 5).join(", ")}` : "";
    say(`the corpus is written: ${number(kept)} kept, ${number(repaired)} repaired, ${plural(duplicate, "duplicate")}, ${number(quarantined)} in quarantine${stale}`);
  } finally {
    $("apply").disabled = false;
  }
});

const download = guard(async () => {
  const response = await fetch("/api/download", { headers: { "X-Dedupe-Token": token } });
  if (!response.ok) throw new Error(`the server answered ${response.status}`);
  const link = make("a", { download: "decisions.jsonl", href: URL.createObjectURL(await response.blob()) });
  link.click();
  URL.revokeObjectURL(link.href);
});

function showKeys() {
  openSheet("Keys", make("dl", {}, ...KEYS.flatMap(([key, text]) => [make("dt", {}, key), make("dd", {}, text)])));
}

const LAYOUTS = ["inline", "side", "original", "final"];

function setLayout(layout) {
  page.layout = layout;
  document.querySelector(`input[name=layout][value=${layout}]`).checked = true;
  drawEdits();
}

const note = guard(async (edit) => {
  const field = make("input", { "aria-label": "Note for the second reader", autocomplete: "off" });
  if (await confirmed("Mark for a second reader", [make("p", {}, make("label", {}, "Note ", field))], 0)) await decide(edit, "flag", null, field.value);
});

function pressInEdits(key) {
  const edit = page.edits[page.place];
  const item = $("list").children[page.place];
  const acts = {
    j: () => moveTo(page.place + 1), k: () => moveTo(page.place - 1), s: () => moveOn(),
    "[": () => stepRule(-1), "]": () => stepRule(1),
    v: () => { setLayout(LAYOUTS[(LAYOUTS.indexOf(page.layout) + 1) % LAYOUTS.length]); focusEdit(false); },
    "/": () => $("filter").focus(),
  };
  if (edit) {
    Object.assign(acts, {
      y: () => decide(edit, "accept"), n: () => decide(edit, "reject"), e: () => openReplace(item, edit), c: () => openArticle(edit),
      m: () => note(edit), a: () => decideMany(`rule:${page.rule}`, "accept"), d: () => decideMany(`rule:${page.rule}`, "reject"),
      p: () => decideMany(`pair:${edit.before}→${edit.after}`, "accept"), P: () => decideMany(`pair:${edit.before}→${edit.after}`, "reject"),
    });
  }
  return acts[key];
}

function pressInClusters(key) {
  const rows = members();
  const row = rows[page.member];
  const acts = {
    j: () => { page.member = Math.min(page.member + 1, rows.length - 1); markMember(true); },
    k: () => { page.member = Math.max(page.member - 1, 0); markMember(true); },
    "/": () => $("cluster-filter").focus(),
  };
  if (row) {
    const { cluster, member } = row.member;
    Object.assign(acts, {
      y: () => decideCluster(member.target, "same"), n: () => decideCluster(member.target, "different"),
      b: () => decideCluster(member.target, "boilerplate"), c: () => openVersions(cluster.canonical, member.id),
      x: () => { if (!cluster.linked) decideCluster(`canonical:${member.id}`, "accept"); },
    });
  }
  return acts[key];
}

document.addEventListener("keydown", (event) => {
  const inField = event.target.matches("input:not([type=radio]), textarea");
  if (event.key === "Escape" && inField) event.target.blur();
  if (inField || event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  if (event.target.getAttribute("role") === "tab" && event.key.startsWith("Arrow")) {
    const tabs = [...document.querySelectorAll("[role=tab]")];
    const next = tabs[(tabs.indexOf(event.target) + (event.key === "ArrowRight" ? 1 : tabs.length - 1)) % tabs.length];
    next.focus();
    next.click();
    return;
  }
  const everywhere = { "?": showKeys, u: () => undo(), 1: () => openTab("edits"), 2: () => openTab("clusters"), 3: () => openTab("history") };
  const act = everywhere[event.key] || (!$("edits").hidden ? pressInEdits(event.key) : !$("clusters").hidden ? pressInClusters(event.key) : null);
  if (act) {
    event.preventDefault();
    act();
  }
});

for (const name of ["edits", "clusters", "history"]) $(`tab-${name}`).addEventListener("click", () => openTab(name));
$("undo").addEventListener("click", () => undo());
$("apply").addEventListener("click", () => apply());
$("download").addEventListener("click", () => download());
$("help").addEventListener("click", showKeys);
$("more").addEventListener("click", () => loadEdits(true));
$("rules").querySelector(".more").addEventListener("click", () => loadRules(true));
$("more-clusters").addEventListener("click", () => loadClusters(true));
$("more-lines").addEventListener("click", () => loadHistory(true));
$("search").addEventListener("submit", (event) => { event.preventDefault(); search().then(() => focusEdit(false)); });
$("cluster-search").addEventListener("submit", (event) => { event.preventDefault(); loadClusters(); });
let typing = 0;
for (const [id, work] of [["filter", search], ["cluster-filter", () => loadClusters()]]) {
  $(id).addEventListener("input", () => { clearTimeout(typing); typing = setTimeout(work, 250); });
}
for (const radio of document.querySelectorAll("input[name=layout]")) radio.addEventListener("change", () => setLayout(radio.value));

guard(async () => {
  if (!token) throw new Error("open the address that `dedupe review --web` printed: its token is missing");
  await refreshState();
  await loadRules();
  if (page.rules.length) await openRule(page.rules[0].rule);
  else drawEdits();
  sayRules();
  document.body.dataset.ready = "yes";
})();
setInterval(() => { if (!document.hidden && token) refreshState(); }, 15000);
