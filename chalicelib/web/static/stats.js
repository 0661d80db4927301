// Statistics of one link or of all: numbers, visits over time, and breakdowns. In UTC, as they are counted.
import { api, domainOf, statsOf } from "./api.js";
import { bar, bars, sample } from "./chart.js";
import { alertLine, button, headOf, make as el, saveAs, say, select, tell } from "./dom.js";
import { texts } from "./stats-texts.js";

const EVERY = 15e3; // milliseconds between two updates while the page is visible
const FEW = 8; // rows of a breakdown before "show all"
const DAY = 864e5;
const BY_HOUR = 31 * DAY; // the service returns hours for no longer period
const UNIT_OF = { 1: "hour", 7: "day", 30: "day", 90: "day", 365: "month" };
const KINDS = ["humans", "bots", "prefetches"];
const LANGUAGE = "en";
// Loaded with this module: shortening does not need it.
const styled = new Promise((done) => {
  document.head.append(el("link", { rel: "stylesheet", href: new URL("stats.css", import.meta.url), load: done, error: done }));
});

// Without `code`: of all links, or of those at `domain`.
export async function show(main, code, domain) {
  await styled;
  const path = code ? `/links/${encodeURIComponent(code)}/stats` : "/stats";
  const name = nameOf(domain, code);
  const asked = { range: "30", unit: "day", at: domain && { domain } };
  let seen = null; // the present report
  let turn = 0; // responses to outdated requests are dropped

  const error = alertLine();
  const updated = el("p", { class: "quiet" });
  const [range, unit] = [texts.ranges, texts.units].map((names) => select(names));
  const [from, to] = [0, 1].map(() => el("input", { type: "date" }));
  const own = [el("label", {}, texts.from, from), el("label", {}, texts.to, to)];
  const numbers = el("dl", { class: "numbers grid" });
  const nothing = el("p", {}, texts.noVisits);
  const title = el("h2");
  const chart = el("div", { class: "chart" });
  const legend = el("p", { class: "quiet" }, ...KINDS.map(kindName));
  const table = el("table");
  const rows = el("div", { class: "unseen" }, table);
  const toggle = button(texts.asTable, turnOver, { "aria-pressed": "false" });
  const who = breakdown(texts.who, kindName);
  const found = Object.entries(texts.breakdowns).map(([name, words]) => [name, breakdown(words, (each, row) => shownName(name, each ?? "", row))]);
  const body = el("div", { hidden: true }, numbers, nothing,
    el("div", { class: "tools actions" }, title, toggle, button(texts.csv, download)), chart, legend, rows,
    el("div", { class: "breakdowns grid" }, who.part, ...found.map(([, { part }]) => part)), el("p", { class: "quiet" }, texts.note), updated);
  main.replaceChildren(el("h1", {}, name ? texts.one(name) : texts.all),
    el("div", { class: "choices actions", change: choose }, el("label", {}, texts.period, range), ...own, el("label", {}, texts.unit, unit)), error, body);

  async function load(quietly) {
    const mine = ++turn;
    try {
      const { body: report } = await api.get(`${path}?${queryOf(asked)}`, { quiet: quietly });
      if (mine !== turn) return;
      tell(error, "");
      paint(report);
      if (!quietly) say(texts.loaded(number(report.total.visits), report.from, report.to));
      updated.textContent = texts.updated(new Date().toLocaleTimeString(LANGUAGE));
    } catch (problem) {
      if (mine === turn) tell(error, (quietly && seen ? texts.stale : texts.failed)(why(problem)));
    }
  }

  function paint(report) {
    if (JSON.stringify(report) === JSON.stringify(seen)) return; // avoid flicker
    const focused = document.activeElement.getAttribute("href");
    seen = report;
    body.hidden = false;
    nothing.hidden = report.total.visits > 0;
    numbers.replaceChildren(...Object.entries(texts.counts).map(([name, words]) => el("div", {}, el("dt", {}, words), el("dd", {}, number(report.total[name])))));
    title.textContent = texts.per(report.unit);
    draw();
    table.replaceChildren(...seriesTable(report));
    who.fill(KINDS.map((name) => ({ name, visits: report.total[name] })));
    for (const [name, { fill }] of found) fill(report[name]);
    if (focused) body.querySelector(`a[href="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
  }

  function draw() {
    const { unit: per, series } = seen ?? {};
    if (!seen || !chart.clientWidth) return;
    const most = series.reduce((best, each) => (each.visits > best.visits ? each : best));
    const label = `${texts.per(per)}. ${texts.summary(number(most.visits), moment(most.at, per))}`;
    chart.replaceChildren(bars(chart.clientWidth, series.map((each) => point(each, per)), label));
  }

  function choose({ target }) {
    if (target !== range) Object.assign(asked, { unit: unit.value, from: from.value, to: to.value });
    else Object.assign(asked, { range: range.value, unit: UNIT_OF[range.value] ?? asked.unit, from: seen?.from, to: seen?.to });
    offer();
    load();
  }

  function offer() {
    const [first, last] = daysOf(asked);
    const tooLong = new Date(last) - new Date(first) >= BY_HOUR;
    if (tooLong && asked.unit === "hour") asked.unit = "day";
    unit.options[0].disabled = tooLong;
    [range.value, unit.value, from.value, to.value] = [asked.range, asked.unit, asked.from, asked.to];
    for (const label of own) label.hidden = asked.range !== "own";
  }

  function turnOver() {
    const tabular = !chart.hidden;
    chart.hidden = legend.hidden = tabular;
    toggle.ariaPressed = tabular;
    rows.className = tabular ? "rows" : "unseen";
    rows.tabIndex = tabular ? 0 : -1; // makes a scrollable table scrollable by keyboard
  }

  async function download() {
    try {
      const { body: csv } = await api.get(`${path}?${queryOf(asked)}`, { accept: "text/csv" });
      saveAs(`visits-${name || "all"}-${daysOf(asked).join("-")}.csv`, csv);
    } catch (problem) {
      tell(error, texts.noCsv(why(problem)));
    }
  }

  const timer = setInterval(() => document.hidden || load(true), EVERY);
  const watched = new ResizeObserver(draw);
  watched.observe(chart);
  offer();
  load();
  return () => {
    turn = -1;
    clearInterval(timer);
    watched.disconnect();
  };
}

// A table with a bar in each row: one source for eyes and screen readers.
function breakdown(title, cell) {
  let [all, whole] = [[], false];
  const body = el("tbody");
  const more = button("", () => { whole = !whole; fill(all); });
  const part = el("div", {}, el("table", {}, el("caption", {}, el("h2", {}, title)), headOf([texts.name, texts.counts.visits, texts.share]), body), more);
  function fill(rows) {
    all = rows ?? []; // only a link has variants, only all have top links
    part.hidden = !all.length;
    const total = all.reduce((sum, { visits }) => sum + visits, 0) || 1;
    body.replaceChildren(...(whole ? all : all.slice(0, FEW)).map(({ name, visits, ...row }) => el("tr", {},
      el("th", { scope: "row" }, cell(name, row), bar(visits / total)), el("td", {}, number(visits)),
      el("td", { class: "quiet" }, (visits / total).toLocaleString(LANGUAGE, { style: "percent" })))));
    more.hidden = all.length <= FEW;
    more.textContent = whole ? texts.showLess : texts.showAll(all.length);
  }
  return { part, fill };
}

function seriesTable({ series, unit }) {
  const names = Object.keys(texts.counts).filter((name) => name in series[0]); // an hour has no visitors
  const cells = (each) => names.map((name) => el("td", {}, number(each[name])));
  return [el("caption", { class: "unseen" }, texts.per(unit)), headOf([texts.at[unit], ...names.map((name) => texts.counts[name])]),
    el("tbody", {}, ...series.map((each) => el("tr", {}, el("th", { scope: "row" }, moment(each.at, unit)), ...cells(each))))];
}

function point(each, unit) {
  const values = KINDS.map((kind) => [kind, each[kind]]);
  const counts = values.map(([kind, visits]) => `${texts.counts[kind]}: ${number(visits)}`);
  return { told: [moment(each.at, unit), ...counts].join("\n"), tick: moment(each.at, unit, true), values };
}

function kindName(kind) {
  return el("span", { class: "kind" }, sample(kind), texts.counts[kind]);
}

function shownName(list, name, { domain }) {
  if (domain) return el("a", { href: statsOf({ code: name, domain }) }, nameOf(domainOf({ domain }), name));
  if (Object.hasOwn(texts.names, name)) return texts.names[name];
  const type = { countries: "region", languages: "language" }[list];
  try {
    return type ? `${new Intl.DisplayNames(LANGUAGE, { type }).of(name)} (${name})` : name;
  } catch {
    return name; // browsers may send any language
  }
}

function moment(at, unit, brief) {
  const hour = unit === "hour" && { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
  const day = unit !== "month" && { day: "numeric" };
  const year = (!brief || unit === "month") && { year: "numeric" };
  return new Date(at).toLocaleString(LANGUAGE, { month: "short", ...day, ...year, ...hour, timeZone: "UTC" });
}

// As in short URLs; at the default domain, the code alone.
const nameOf = (...parts) => parts.filter(Boolean).join("/");

function daysOf({ range, from, to }) {
  if (range === "own") return [from, to];
  return [range - 1, 0].map((ago) => new Date(Date.now() - ago * DAY).toISOString().slice(0, 10));
}

function queryOf(asked) {
  const [from, to] = daysOf(asked);
  if (!from || !to || from > to) throw { detail: texts.incomplete };
  return new URLSearchParams({ from, to, unit: asked.unit, ...asked.at });
}

function number(value) {
  return value?.toLocaleString(LANGUAGE) ?? texts.notYet;
}

function why({ errors, detail }) {
  return errors?.map(({ message }) => message).join(" ") || detail;
}
