// The review page. Whatever comes from articles enters the page as text (textContent); no markup is ever made of it.
"use strict";

const PAGE = 50;
const RULES = 100;
const TYPED_ABOVE = 1000;
const INVISIBLE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\u00a0]/gu;
const KEYS = [
  ["y n e", "accept, reject, your own words; and on to the next that waits"], ["a d R", "the same for the rest of this rule"],
  ["A D", "accept, reject everything that passes the filter, of all rules"], ["p P E", "the same for this pair of wordings everywhere"], ["j k", "next, previous"], ["s", "skip for now"],
  ["m", "mark for a second reader"], ["u", "take back my last decision"], ["c", "the article around the edit"],
  ["v", "inline, side by side, original, final"], ["[ ]", "previous, next rule"], ["/", "search"], ["1 2 3", "edits, clusters, history"],
  ["Esc", "close; leave a field"],
  ["in clusters", "j k move, c side by side, y the same text, n not the same, x keep this version, b what they share is boilerplate"],
];

const $ = (id) => document.getElementById(id);
const page = { rules: [], rule: null, edits: [], rest: 0, coming: null, moving: null, place: 0, filter: "", layout: "inline", clusters: [], member: 0, lines: 0 };
const token = takeToken();
let typing = 0; // the timer of a search that waits for the next letter

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
const keyed = (text, key, press, facts = {}) => make("button", { type: "button", press, "aria-keyshortcuts": key, ...facts }, text, make("kbd", { "aria-hidden": "true" }, key));

// ---- totals

const COUNTED = new Set(["cluster", "linked group", "decision"]);

function drawState(state) {
  if (page.state && state.lines < page.state.lines) return; // overtaken by a later answer
  page.state = state;
  $("run").textContent = state.run;
  const { all, pending, accepted, rejected, replaced } = state.counts;
  const cards = [[pending, "wait"], [accepted, "accepted"], [rejected, "rejected"], [replaced, "in your words"], [all, `edits in all, ${number(page.state.made)} made`],
    [state.clusters, "cluster"], [state.linked, "linked group"],
    [state.decisions, "decision"]];
  const shown = cards.filter(([n], place) => n || place === 0);
  $("totals").replaceChildren(...shown.map(([n, label]) => make("li", {}, make("b", {}, number(n)), n > 1 && COUNTED.has(label) ? `${label}s` : label)));
  document.title = `${number(pending)} wait · dedupe review`;
  $("conflicts").hidden = !state.conflicts.length;
  $("conflicts").textContent = state.conflicts.length
    ? `Reviewers disagree; neither verdict counts until somebody decides again:\n${state.conflicts.slice(0, 10).join("\n")}` : "";
}

const refreshState = guard(async () => drawState(await ask("state")));

// ---- rules

const loadRules = guard(async (more = false, limit = RULES) => {
  const offset = more ? page.rules.length : 0;
  const told = await ask("groups", { filter: page.filter, offset, limit });
  page.rules = more ? page.rules.concat(told.groups) : told.groups;
  page.rulesTotal = told.total;
  drawRules();
});

// Scrolls a box until an element in it can be seen; `scrollIntoView` would move the page as well.
function showInside(box, element) {
  const above = element.offsetTop - box.offsetTop - box.scrollTop;
  if (above < 0) box.scrollTop += above;
  else if (above + element.offsetHeight > box.clientHeight) box.scrollTop += above + element.offsetHeight - box.clientHeight;
}

function tellWaiting({ pending, all }) {
  if (!pending) return `${number(all)} decided`;
  return pending === all ? `${number(all)} wait` : `${number(pending)} of ${number(all)} wait`;
}

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
      make("small", {}, show(group.rule), ` · ${group.tiers.join(" ")} · ${tellWaiting(group.counts)}`),
    );
  });
  $("rules").querySelector("ul").replaceChildren(...rows);
  $("rules").querySelector(".more").hidden = page.rules.length >= page.rulesTotal;
  const current = rows.find((row) => row.firstChild.hasAttribute("aria-current"));
  if (current) showInside($("rules"), current);
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
  focusEdit(matchMedia("(max-width: 48rem)").matches); // there the edit is below the rules
}

const stepRule = guard(async (step) => {
  const place = page.rules.findIndex((group) => group.rule === page.rule) + step;
  if (place >= page.rules.length && page.rules.length < page.rulesTotal) await loadRules(true);
  if (page.rules[place]) await openRule(page.rules[place].rule);
});

// The next rule of which an edit waits, behind this one or, when there is none, from the first on.
async function openWaitingRule() {
  while (page.rules.length < page.rulesTotal && !page.rules.at(-1).counts.pending) await loadRules(true);
  const here = page.rules.findIndex((group) => group.rule === page.rule);
  for (const group of [...page.rules.slice(here + 1), ...page.rules.slice(0, here)]) {
    if (!group.counts.pending) continue;
    await openRule(group.rule);
    if (page.edits.some((edit) => edit.status === "pending")) return true;
  }
  return false;
}

// ---- edits

const loadEdits = guard(async () => {
  page.coming = null;
  if (!page.rule) {
    page.edits = [];
    page.rest = 0;
    drawEdits();
    return;
  }
  const told = await ask("edits", { rule: page.rule, filter: page.filter, limit: PAGE });
  page.edits = told.edits;
  page.rest = told.rest;
  page.group = told.group;
  page.waiting = told.waiting;
  drawEdits();
});

// The next page of edits at the end of the list. Asked for once, however often.
function loadMore() {
  if (!page.coming) {
    const asked = ask("edits", { rule: page.rule, filter: page.filter, after: page.edits.at(-1).id, limit: PAGE });
    const coming = asked.then((told) => {
      if (page.coming !== coming) return;
      const first = page.edits.length;
      page.edits.push(...told.edits);
      page.rest = told.rest;
      page.coming = null;
      $("list").append(...told.edits.map((edit, place) => drawEdit(edit, first + place)));
      $("more").hidden = !page.rest;
    });
    page.coming = coming;
  }
  return page.coming;
}

function drawEdits() {
  $("list").replaceChildren(...page.edits.map(drawEdit));
  $("more").hidden = !page.rest;
  drawBar();
  markPlace();
}

function drawBar() {
  const group = page.group;
  if (!page.rule || !group) {
    $("bar").replaceChildren(make("p", {}, page.filter ? "No edit passes the filter." : "The run made no edits."));
    return;
  }
  const { pending, accepted, rejected, replaced } = group.counts;
  const told = [[accepted, "accepted"], [rejected, "rejected"], [replaced, "in own words"]].filter(([n]) => n).map(([n, what]) => `${number(n)} ${what}`);
  const counts = make("p", {}, make("code", {}, show(group.rule)), ` ${[tellWaiting(group.counts), ...told].join("; ")}. `);
  if (group.bound && group.bound.accepted >= 10 && pending) {
    counts.append(make("strong", {}, `${number(group.bound.accepted)} of the random sample of ${group.sample} accepted, none rejected: `
      + `at most ${percent(group.bound.share)} of this rule’s edits are wrong (95 %).`));
  }
  const acts = page.waiting ? [
    keyed(`Accept the ${number(page.waiting)} that wait${page.filter ? " and pass the filter" : ""}`, "a", () => decideRest("accept")),
    keyed("Reject", "d", () => decideRest("reject")), keyed("Own words", "R", () => decideRest("replace")),
  ] : [];
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
  const replaced = edit.decision && edit.decision.verdict === "replace";
  const marks = replaced ? [["gone", edit.before], ["new", edit.words]] : edit.marks;
  item.className = `item ${edit.status}`;
  item.replaceChildren(drawWording(edit, marks, edit.words), make("p", { class: "facts" }, ...tellFacts(edit)), drawActs(item, edit));
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
    keyed("Accept", "y", () => decide(edit, "accept"), { "aria-pressed": String(edit.status === "accepted") }),
    keyed("Reject", "n", () => decide(edit, "reject"), { "aria-pressed": String(edit.status === "rejected") }),
    keyed("Own words", "e", () => openReplace(item, edit), { "aria-pressed": String(edit.status === "replaced") }),
    keyed("Article", "c", () => openArticle(edit)),
    make("span", { class: "group", role: "group", "aria-label": "This pair of wordings everywhere" }, "this pair everywhere:",
      keyed("accept", "p", () => decideMany(pair, "accept")), keyed("reject", "P", () => decideMany(pair, "reject")),
      keyed("own words", "E", () => decideMany(pair, "replace"))));
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
  if (place >= page.edits.length - PAGE / 2 && page.rest) {
    const coming = loadMore();
    if (place >= page.edits.length) await coming;
    else coming.catch(() => {}); // it is asked for again when it is needed
  }
  if (place < 0 || place >= page.edits.length) return say("there is none further in this rule; ] goes to the next");
  page.place = place;
  return focusEdit();
}

// Keys that come while the page goes on to another edit are meant for that one: they wait for it.
function hold(moving) {
  page.moving = moving;
  const done = () => { if (page.moving === moving) page.moving = null; };
  moving.then(done, done);
  return moving;
}

async function moveOn() {
  for (let place = page.place + 1; ; place++) {
    if (place >= page.edits.length && page.rest) await loadMore();
    if (place >= page.edits.length) break;
    if (page.edits[place].status === "pending") return moveTo(place);
  }
  if (await openWaitingRule()) return say(`on to ${page.rule}`);
  focusEdit();
  const last = page.filter ? "nothing further waits that passes the filter; empty it to see the rest" : "that was the last one";
  return say(`${last}; Apply writes the corpus`);
}

const STATES = { accept: "accepted", reject: "rejected", replace: "replaced" };

const decide = guard(async (edit, verdict, replacement = null, note = "") => {
  const place = page.edits.findIndex((e) => e.id === edit.id);
  const rule = page.rule;
  const earlier = { status: edit.status, decision: edit.decision, words: edit.words };
  page.place = place;
  if (STATES[verdict]) {
    edit.status = STATES[verdict];
    edit.decision = { verdict, replacement, by: page.state.reviewer, target: `edit:${edit.id}` };
    edit.words = verdict === "replace" ? replacement : edit.after;
  }
  redraw(place);
  const saved = send("decide", { target: `edit:${edit.id}`, verdict, replacement, note });
  const group = page.rules.find((known) => known.rule === rule);
  if (group && earlier.status === "pending" && STATES[verdict]) group.counts.pending -= 1;
  const moved = hold(moveOn());
  try {
    const told = await saved;
    drawState(told.state);
    await moved;
    await refreshGroup(rule);
  } catch (error) {
    Object.assign(edit, earlier);
    redraw(page.edits.indexOf(edit));
    throw error;
  }
});

function redraw(place) {
  const item = $("list").children[place];
  if (item) fillEdit(item, page.edits[place]);
}

const refreshGroup = guard(async (rule) => {
  const { group, waiting } = await ask("edits", { rule, filter: page.filter, limit: 1 });
  const place = page.rules.findIndex((known) => known.rule === rule);
  if (place >= 0 && group) page.rules[place] = group;
  if (page.rule === rule) Object.assign(page, { group, waiting });
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
const decideMany = guard(async (target, verdict, filter = "") => {
  const told = await ask("sample", { target, filter });
  if (!told.waiting) return say("nothing of it waits");
  const field = make("input", { autocomplete: "off", id: "own-words" });
  field.value = told.edits[0].after;
  const samples = make("ul", {});
  const draw = () => samples.replaceChildren(...told.edits.map((edit) => make("li", {}, show(cutStart(edit.left)),
    ...(verdict === "replace" ? [["gone", edit.before], ["new", field.value]] : edit.marks).map(mark), show(cutEnd(edit.right)))));
  draw();
  field.addEventListener("input", draw);
  const rest = told.waiting > told.edits.length ? `${told.edits.length} of them at random:` : "All of them:";
  const body = [make("p", {}, make("code", {}, show(target + (filter && ` that pass ${filter}`)))), make("p", {}, rest), samples];
  if (verdict === "replace") body.unshift(make("p", {}, make("label", { for: "own-words" }, "Your own words "), field));
  const act = { accept: "Accept", reject: "Reject", replace: "Replace" }[verdict];
  const typed = told.waiting > TYPED_ABOVE ? told.waiting : 0;
  if (!(await confirmed(`${act} ${plural(told.waiting, "edit")}?`, body, act, typed))) return say("nothing was decided");
  const replacement = verdict === "replace" ? field.value : null;
  const done = await send("decide", { target, verdict, replacement, filter, count: told.waiting });
  drawState(done.state);
  await reloadEdits();
  if (!page.edits.some((edit) => edit.status === "pending") && !page.rest) await openWaitingRule();
  return say(`${STATES[verdict]} ${plural(told.waiting, "edit")}; u takes it back`);
});

function drawFilterActs() {
  const acts = page.filter ? [["Accept", "A", "accept"], ["Reject", "D", "reject"]] : [];
  $("filter-acts").replaceChildren(...acts.map(([text, key, verdict]) => keyed(`${text} all that pass`, key, () => decidePassing(verdict))));
}

const decidePassing = (verdict) => (page.filter ? decideMany("everything", verdict, page.filter) : say("set a filter first"));
const decideRest = (verdict) => decideMany(`rule:${page.rule}`, verdict, page.filter);

function confirmed(title, body, act, typed = 0) {
  const dialog = $("ask");
  $("ask-title").textContent = title;
  $("ask-body").replaceChildren(...body);
  $("ask-type").hidden = !typed;
  $("ask-type").firstElementChild.textContent = `Type ${typed} to decide them all:`;
  $("ask-count").value = "";
  $("ask-yes").disabled = Boolean(typed);
  $("ask-yes").textContent = act;
  $("ask-count").oninput = () => { $("ask-yes").disabled = $("ask-count").value.replace(/\D/g, "") !== String(typed); };
  dialog.returnValue = "no";
  dialog.showModal();
  const field = $("ask-body").querySelector("input");
  (field || (typed ? $("ask-count") : $("ask-yes"))).focus();
  if (field) field.select();
  return new Promise((settle) => dialog.addEventListener("close", () => settle(dialog.returnValue === "yes"), { once: true }));
}

async function reloadEdits() {
  const kept = page.edits[page.place];
  const shown = page.edits.length;
  await loadEdits();
  while (page.edits.length < shown && page.rest) await loadMore();
  page.place = Math.max(0, page.edits.findIndex((edit) => kept && edit.id === kept.id));
  drawBar();
  focusEdit(false);
  await loadRules(false, Math.max(RULES, page.rules.length));
}

const undo = guard(async (target = "") => {
  const told = await send("undo", { target });
  drawState(told.state);
  await reloadAll();
  if ($("sheet").open) await stepVersions(0);
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
  page.versions = false;
  $("sheet-title").replaceChildren(show(title));
  $("sheet-body").replaceChildren(body);
  if (!$("sheet").open) $("sheet").showModal();
  $("sheet-body").scrollTop = 0;
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

const CLUSTER_WORDS = {
  different: "not the same: both are kept", same: "the same text", boilerplate: "they share boilerplate: it no longer counts", canonical: "to be kept instead",
};

function tellLink(member) {
  return member.kind ? `${member.kind}, Jaccard ${member.jaccard.toFixed(2)}, containment ${member.containment.toFixed(2)}` : "";
}

function drawCluster(cluster) {
  const members = cluster.members.map((member) => {
    const row = make("li", { class: "member", tabindex: "-1", "data-a": cluster.canonical, "data-b": member.id },
      make("span", { class: "id" }, show(member.id)), " ", make("span", { class: "quiet" }, show(tellLink(member))), " ", drawVerdict(member),
      make("div", { class: "acts" }, keyed("Side by side", "c", () => openVersions(cluster, member)), ...clusterActs(cluster, member)));
    row.member = { cluster, member };
    return row;
  });
  const rest = cluster.number - 1 - members.length;
  return make("li", { class: "cluster" },
    make("h3", {}, cluster.linked ? "Leads: " : "Kept: ", make("span", { class: "id" }, show(cluster.canonical)), " ", make("span", { class: "tag" }, cluster.kind),
      cluster.chosen ? make("span", { class: "tag" }, "chosen by a reviewer") : ""),
    make("p", { class: "quiet" }, show(cluster.reason)), make("ul", { "aria-label": cluster.linked ? "Kept as well" : "Set aside" }, ...members),
    rest > 0 ? make("p", { class: "quiet" }, `and ${number(rest)} more`) : "");
}

function drawVerdict(member) {
  return member.verdict ? make("span", { class: "tag" }, CLUSTER_WORDS[member.verdict] || member.verdict) : "";
}

// What can be said of a member beside the version that is kept. Of a group that is only linked none is set aside yet.
function clusterActs(cluster, member) {
  const say = (verdict) => () => decideCluster(member.target, verdict);
  return [
    keyed(cluster.linked ? "Same text: set aside" : "The same text", "y", say("same")),
    keyed(cluster.linked ? "Does not belong" : "Not the same", "n", say("different")),
    keyed("Keep this version", "x", () => decideCluster(`canonical:${member.id}`, "accept"), { disabled: cluster.linked }),
    keyed("They share boilerplate", "b", say("boilerplate")),
    member.verdict ? button("Undo", () => undo(member.verdict === "canonical" ? `canonical:${member.id}` : member.target)) : "",
  ];
}

const decideCluster = (target, verdict) => hold(sendCluster(target, verdict));

const sendCluster = guard(async (target, verdict) => {
  const told = await send("decide", { target, verdict });
  drawState(told.state);
  const open = $("sheet").open;
  await loadClusters();
  if (open) await stepVersions(1);
  else moveToMember(nextWaiting());
  return say(`${CLUSTER_WORDS[target.startsWith("canonical:") ? "canonical" : verdict]} (from the next apply on; u takes it back)`);
});

const openVersions = guard(async (cluster, member) => {
  page.member = members().findIndex((row) => row.dataset.a === cluster.canonical && row.dataset.b === member.id);
  const told = await ask("versions", { a: cluster.canonical, b: member.id });
  const heads = told.heads.map((head, side) => make("th", { scope: "col" },
    side ? "" : cluster.linked ? "Leads: " : "Kept: ", show([head.id, head.title, head.source, head.date].filter(Boolean).join(" · "))));
  const rows = told.rows.map((halves) => make("tr", {}, ...halves.map((marks) => make("td", {}, ...marks.map(mark)))));
  const table = make("table", { class: "aligned" }, make("thead", {}, make("tr", {}, ...heads)), make("tbody", {}, ...rows));
  const acts = make("div", { class: "acts" }, drawVerdict(member), ...clusterActs(cluster, member),
    keyed("Next", "j", () => stepVersions(1)), keyed("Previous", "k", () => stepVersions(-1)));
  openSheet(`${cluster.canonical} and ${member.id}`, make("div", {}, make("p", { class: "quiet" }, show(tellLink(member) || cluster.reason)), acts, table));
  page.versions = true;
});

// The next member of the same or another cluster, beside the version that is kept.
async function stepVersions(step) {
  const rows = members();
  const row = rows[page.member + step];
  if (!row) return say("there is no other");
  page.member += step;
  markMember();
  return openVersions(row.member.cluster, row.member.member);
}

function nextWaiting() {
  const rows = members();
  const behind = rows.findIndex((row, place) => place > page.member && !row.member.member.verdict);
  return behind < 0 ? page.member : behind;
}

function moveToMember(place) {
  page.member = Math.max(0, Math.min(place, members().length - 1));
  markMember(true);
}

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
  drawFilterActs();
  await loadRules();
  if (!page.rules.some((group) => group.rule === page.rule)) page.rule = page.rules.length ? page.rules[0].rule : null;
  page.place = 0;
  await loadEdits();
  drawRules();
  sayRules();
});

// The search that was about to begin when the typing stopped.
async function searchNow() {
  clearTimeout(typing);
  if ($("filter").value.trim() !== page.filter) await search();
  focusEdit(false);
}

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
  if (await confirmed("Mark for a second reader", [make("p", {}, make("label", {}, "Note ", field))], "Mark")) await decide(edit, "flag", null, field.value);
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
      m: () => note(edit), a: () => decideRest("accept"), d: () => decideRest("reject"), R: () => decideRest("replace"), A: () => decidePassing("accept"), D: () => decidePassing("reject"),
      ...Object.fromEntries([["p", "accept"], ["P", "reject"], ["E", "replace"]].map(([key, verdict]) =>
        [key, () => decideMany(`pair:${edit.before}→${edit.after}`, verdict)])),
    });
  }
  return acts[key];
}

function pressInClusters(key) {
  const rows = members();
  const row = rows[page.member];
  const acts = {
    j: () => moveToMember(page.member + 1), k: () => moveToMember(page.member - 1),
    "/": () => $("cluster-filter").focus(),
  };
  if (row) {
    const { cluster, member } = row.member;
    Object.assign(acts, {
      y: () => decideCluster(member.target, "same"), n: () => decideCluster(member.target, "different"),
      b: () => decideCluster(member.target, "boilerplate"), c: () => openVersions(cluster, member),
      x: () => { if (!cluster.linked) decideCluster(`canonical:${member.id}`, "accept"); },
    });
  }
  return acts[key];
}

document.addEventListener("keydown", (event) => {
  const inField = event.target.matches("input:not([type=radio]), textarea");
  if (event.key === "Escape" && event.target.type === "search") {
    event.preventDefault(); // which would empty the field
    event.target.blur();
    if (!$("edits").hidden) hold(searchNow());
  }
  if (inField || event.ctrlKey || event.metaKey || event.altKey || $("ask").open) return;
  if (event.target.getAttribute("role") === "tab" && event.key.startsWith("Arrow")) {
    const tabs = [...document.querySelectorAll("[role=tab]")];
    const next = tabs[(tabs.indexOf(event.target) + (event.key === "ArrowRight" ? 1 : tabs.length - 1)) % tabs.length];
    next.focus();
    next.click();
    return;
  }
  if (event.key.length === 1 && press(event.key)) event.preventDefault();
});

function pressInSheet(key) {
  const step = { j: 1, k: -1 }[key];
  const act = page.versions && key !== "/" && (step ? () => hold(stepVersions(step)) : pressInClusters(key));
  if (act) act();
  return Boolean(act);
}

// Does what a key stands for; whether it stands for anything.
function press(key) {
  if (page.moving) {
    page.moving.catch(() => {}).then(() => {
      const field = document.activeElement;
      if (field.matches("input:not([type=radio])")) field.setRangeText(key, field.selectionStart, field.selectionEnd, "end");
      else press(key);
    });
    return true;
  }
  if ($("ask").open) return false;
  if ($("sheet").open) return pressInSheet(key);
  const everywhere = { "?": showKeys, u: () => undo(), 1: () => openTab("edits"), 2: () => openTab("clusters"), 3: () => openTab("history") };
  const act = everywhere[key] || (!$("edits").hidden ? pressInEdits(key) : !$("clusters").hidden ? pressInClusters(key) : null);
  if (act) act();
  return Boolean(act);
}

for (const name of ["edits", "clusters", "history"]) $(`tab-${name}`).addEventListener("click", () => openTab(name));
$("undo").addEventListener("click", () => undo());
$("apply").addEventListener("click", () => apply());
$("download").addEventListener("click", () => download());
$("help").addEventListener("click", showKeys);
$("more").addEventListener("click", guard(() => loadMore()));
$("ask-no").addEventListener("click", () => $("ask").close("no"));
$("rules").querySelector(".more").addEventListener("click", () => loadRules(true));
$("more-clusters").addEventListener("click", () => loadClusters(true));
$("more-lines").addEventListener("click", () => loadHistory(true));
$("search").addEventListener("submit", (event) => { event.preventDefault(); hold(searchNow()); });
$("cluster-search").addEventListener("submit", (event) => { event.preventDefault(); loadClusters(); });
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
