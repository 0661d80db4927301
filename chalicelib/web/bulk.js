// Many links at once, in chunks; each is made, or says why not. Goes on while other views are open.
import { api } from "./api.js";
import { addressLink, button, copyButton, make, saveAs, say } from "./dom.js";
import { labelled, withScheme } from "./fields.js";
import { keepKeysOfLinks } from "./keys.js";
import { text } from "./texts.js";

const MOST_ROWS = 100;
const MOST_CHARACTERS = 100_000; // of a chunk; the service takes 512 KiB, and a character may have four bytes
const TRIES = 4; // of a chunk, while the service is busy or cannot be reached
const LONGEST_WAIT = 65; // seconds; longer than until a new minute begins, for keys are counted by the minute
const ALIAS = /^[\w-]{1,64}$/;
let view = null;

export function show(main) {
  view ??= build();
  main.replaceChildren(...view);
}

function build() {
  const input = make("textarea", { rows: 8, spellcheck: "false", autocapitalize: "none", placeholder: text("bulkExample"), input: count });
  const found = make("p", { class: "quiet", id: "bulk-found", "aria-live": "polite" });
  const start = make("button", { type: "submit", id: "bulk-start" }, text("bulkStart"));
  const stop = button(text("stop"), () => { isStopped = true; }, { class: "plain", id: "bulk-stop", hidden: true });
  const wrong = make("p", { class: "error", id: "bulk-wrong", role: "alert", hidden: true });
  const bar = make("progress", { id: "bulk-progress", "aria-label": text("progress") });
  const done = make("p", { id: "bulk-done", class: "quiet" });
  const body = make("tbody", {});
  const again = button(text("bulkAgain"), () => run(chunks.filter(mayGoBetter)), { id: "bulk-again", class: "plain" });
  const copy = copyButton(() => made().map((row) => row.link.shortUrl).join("\n"), { id: "bulk-copy", words: text("copyAll") });
  const save = button(text("saveCsv"), () => saveAs("links.csv", new Blob([csvOf(rows)], { type: "text/csv" })), { class: "plain", id: "bulk-csv" });
  const actions = make("div", { class: "actions" }, copy, save, again);
  const outcome = make("section", { id: "bulk-result", class: "card", "aria-labelledby": "bulk-outcome", hidden: true },
    make("h2", { id: "bulk-outcome" }, text("outcome")), bar, done, actions,
    make("table", { id: "bulk-table" },
      make("thead", {}, make("tr", {}, ...["bulkAddress", "bulkShort", "bulkReason"].map((name) => make("th", { scope: "col" }, text(name))))), body));
  const form = make("form", { class: "card", novalidate: true, submit },
    labelled("bulk-input", text("bulkInput"), input, { hint: text("bulkHint") }), found, wrong, make("div", { class: "actions" }, start, stop));
  let rows = [], chunks = [], isStopped = false, isRunning = false;
  addEventListener("beforeunload", (event) => isRunning && event.preventDefault());
  return [make("h1", {}, text("bulkTitle")), make("p", { class: "lead" }, text("bulkLead")), form, outcome];

  function count() {
    const links = linksIn(input.value);
    const aliases = links.filter((link) => link.alias).length;
    found.textContent = links.length ? `${text("addresses", { count: links.length })} ${aliases ? text("aliases", { count: aliases }) : ""}` : "";
  }

  function submit(event) {
    event.preventDefault();
    if (isRunning) return;
    rows = linksIn(input.value).map((wanted) => ({ wanted }));
    wrong.hidden = rows.length > 0;
    wrong.textContent = rows.length ? "" : text("bulkNothing");
    if (!rows.length) {
      input.focus();
      return;
    }
    chunks = chunksOf(rows);
    body.replaceChildren();
    run(chunks);
  }

  async function run(todo) {
    isStopped = false;
    setRunning(true);
    for (const chunk of todo) {
      if (isStopped) break;
      if (!(await send(chunk))) break;
    }
    setRunning(false);
    say(done.textContent);
  }

  function setRunning(is) {
    isRunning = is;
    start.disabled = is;
    stop.hidden = !is;
    outcome.hidden = false;
    progress();
  }

  // Returns whether to go on with the next: not if that would end the same.
  async function send(chunk) {
    try {
      const { body: answer } = await sendPatiently(chunk);
      answer.data.forEach((each, place) => Object.assign(chunk.rows[place], { link: null, problem: null }, each));
      keepKeysOfLinks(answer.data.flatMap((each) => each.link ?? []));
      return true;
    } catch (problem) {
      for (const row of chunk.rows) row.problem = problem;
      return false;
    } finally {
      draw(chunk);
      progress();
    }
  }

  async function sendPatiently(chunk) {
    for (let tries = 1; ; tries++) {
      try {
        return await api.post("/links/bulk", { links: chunk.rows.map((row) => row.wanted) }, { headers: { "Idempotency-Key": chunk.key } });
      } catch (problem) {
        const wait = problem.retryAfter ?? 2 ** tries;
        if (isStopped || tries === TRIES || !isPassing(problem) || wait > LONGEST_WAIT) throw problem;
        done.textContent = text("waiting", { count: wait });
        await new Promise((resume) => setTimeout(resume, wait * 1000));
      }
    }
  }

  function draw(chunk) {
    for (const row of chunk.rows) {
      const drawn = rowOf(row);
      if (row.node) row.node.replaceWith(drawn);
      else body.append(drawn);
      row.node = drawn;
    }
  }

  function progress() {
    const tried = rows.filter((row) => row.link || row.problem).length;
    bar.max = rows.length || 1;
    bar.value = tried;
    done.textContent = text(isRunning ? "bulkRunning" : "bulkDone", { tried, all: rows.length, made: made().length, failed: tried - made().length });
    actions.hidden = isRunning;
    copy.hidden = !made().length;
    again.hidden = !chunks.some(mayGoBetter);
  }

  function made() {
    return rows.filter((row) => row.link);
  }
}

function rowOf({ wanted, link, problem }) {
  return make("tr", { class: link ? "good" : "bad" },
    make("td", { "data-label": text("bulkAddress") }, wanted.url),
    make("td", { "data-label": text("bulkShort") }, link ? addressLink(link.shortUrl) : "–"),
    make("td", { "data-label": text("bulkReason") }, link ? text("bulkMade") : problem.detail));
}

// One a line; an alias stands behind the last tab or comma, if it looks like one.
export function linksIn(lines) {
  return lines.split(/\r?\n/).map((line) => line.trim()).filter(Boolean).map((line) => {
    const at = Math.max(line.lastIndexOf("\t"), line.lastIndexOf(","));
    const alias = line.slice(at + 1).trim();
    if (at < 1 || (alias && !ALIAS.test(alias))) return { url: withScheme(line) };
    return { url: withScheme(line.slice(0, at).trim()), ...(alias && { alias }) };
  });
}

// A key for each chunk, with which it may be sent again and is made once.
function chunksOf(rows) {
  const chunks = [];
  let room = 0;
  for (const row of rows) {
    const size = row.wanted.url.length + 200;
    if (size > room || chunks.at(-1).rows.length === MOST_ROWS) {
      chunks.push({ key: newKey(), rows: [] });
      room = MOST_CHARACTERS;
    }
    chunks.at(-1).rows.push(row);
    room -= size;
  }
  return chunks;
}

// crypto.randomUUID is there with TLS only.
function newKey() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

const isPassing = (problem) => problem.status === 0 || problem.status === 429 || problem.status >= 500;

const mayGoBetter = (chunk) => chunk.rows.some((row) => !row.link && (!row.problem || isPassing(row.problem) || row.problem.status === 401));

export function csvOf(rows) {
  const lines = rows.map(({ wanted, link, problem }) => [wanted.url, wanted.alias ?? "", link?.shortUrl ?? "", problem?.detail ?? ""]);
  return [["url", "alias", "shortUrl", "error"], ...lines].map((cells) => `${cells.map(cell).join(",")}\r\n`).join("");
}

// What a spreadsheet would take for a formula stays text.
function cell(value) {
  const harmless = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return `"${harmless.replaceAll('"', '""')}"`;
}
