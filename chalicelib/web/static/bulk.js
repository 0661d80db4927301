// Creates many links, in chunks; each row shows its link or its error. Continues while other views are open.
import { api, isPassing, takesFiles } from "./api.js";
import { addressLink, button, copyButton, headOf, labelled, make, saveAs, say, text } from "./dom.js";
import { withScheme } from "./fields.js";
import { keepKeysOfLinks } from "./keys.js";
import { load } from "./page.js";
import { domainField } from "./workspace.js";

const AT_ONCE = 100;
let view = null;

export function show(main) {
  view ??= build();
  main.replaceChildren(...view);
}

function build() {
  const input = make("textarea", { rows: 8, required: true, spellcheck: "false", placeholder: text("bulkExample"), input: plan });
  const field = labelled("bulk-input", text("bulkInput"), input, "links", make("p", { class: "quiet", id: "bulk-hint" }, text("bulkHint")));
  input.setAttribute("aria-describedby", "bulk-hint bulk-input-error");
  const domain = domainField("bulk-domain");
  const planned = make("ol", { class: "quiet" });
  const start = make("button", {}, text("bulkStart"));
  const bar = make("progress", { "aria-label": text("outcome") });
  const done = make("p", { class: "quiet" });
  const body = make("tbody");
  const copy = copyButton(() => made().map((row) => row.link.shortUrl).join("\n"), { words: text("copyAll"), class: null });
  const save = button(text("saveCsv"), () => saveAs("links.csv", new Blob([csvOf(rows)], { type: "text/csv" })));
  const again = button(text("bulkAgain"), () => run(chunks.filter(mayGoBetter)));
  const actions = make("div", { class: "actions" }, copy, save, again);
  const outcome = make("section", { id: "bulk-result", class: "card", "aria-label": text("outcome"), hidden: true },
    bar, done, actions, make("table", {}, headOf(["bulkAddress", "bulkShort", "outcome"].map(text)), body));
  const file = make("div", { class: "wide", hidden: true });
  let rows = [], chunks = [];
  addEventListener("keys", offerFile);
  offerFile();
  return [make("h1", {}, text("bulkTitle")), make("form", { class: "card", submit }, field, domain.node, start, planned), outcome, file];

  async function offerFile() {
    file.hidden = !takesFiles();
    if (!file.hidden && !file.firstChild) file.replaceChildren((await load("files")).importForm());
  }

  // Shows the link that each line will create.
  function plan() {
    planned.replaceChildren(...linesOf(input.value).map(({ url, alias }) => make("li", {}, url, alias && ` – ${text("alias")}: ${alias}`)));
  }

  function submit(event) {
    event.preventDefault();
    planned.replaceChildren();
    rows = linesOf(input.value).map((line) => ({ line: { ...line, ...domain.values() } }));
    chunks = chunksOf(rows);
    body.replaceChildren();
    run(chunks);
  }

  async function run(todo) {
    outcome.hidden = false;
    actions.hidden = start.disabled = true;
    progress();
    for (const chunk of todo) if (!(await send(chunk))) break;
    actions.hidden = start.disabled = false;
    progress();
    say(done.textContent);
  }

  // Returns whether to send the next chunk: not if it would fail the same way.
  async function send(chunk) {
    const links = chunk.rows.map((row) => row.line);
    const answer = await api.post("/links/bulk", { links }, { headers: { "Idempotency-Key": chunk.key } }).catch((problem) => ({ problem }));
    const outcomes = answer.body?.data ?? links.map(() => answer);
    keepKeysOfLinks(outcomes.flatMap(({ link }) => link ?? []));
    chunk.rows.forEach((row, place) => draw(Object.assign(row, { problem: null }, outcomes[place])));
    progress();
    return !answer.problem;
  }

  function draw(row) {
    const short = row.link ? addressLink(row.link.shortUrl) : "–";
    const cells = [row.line.url, short, row.problem?.detail ?? text("bulkMade")].map((cell) => make("td", {}, cell));
    row.node?.remove();
    row.node = make("tr", { class: row.problem && "bad" }, ...cells);
    body.append(row.node);
  }

  function progress() {
    const tried = rows.filter((row) => row.link || row.problem).length;
    const { length } = made();
    Object.assign(bar, { max: rows.length, value: tried });
    done.textContent = text("bulkDone", { all: rows.length, made: length, failed: tried - length });
    copy.hidden = !length;
    again.hidden = !chunks.some(mayGoBetter);
  }

  function made() {
    return rows.filter((row) => row.link);
  }
}

// One address a line, which may be quoted. An alias follows after a space (a word) or a tab (anything); commas are part of addresses.
function linesOf(lines) {
  return lines.split("\n").map((line) => line.trim()).filter(Boolean).map((line) => {
    const [, , url, word, cell] = /^("?)([^\s"]+?)\1(?:[,;]?\s+([\w-]+)|\s*\t(.+))?$/.exec(line) ?? ["", "", line];
    return { url: withScheme(url), alias: word ?? cell };
  });
}

// Each chunk has an idempotency key, for retries. crypto.randomUUID needs TLS.
function chunksOf(rows) {
  const chunks = [];
  for (let at = 0; at < rows.length; at += AT_ONCE) {
    chunks.push({ key: crypto.getRandomValues(new Uint32Array(4)).join("-"), rows: rows.slice(at, at + AT_ONCE) });
  }
  return chunks;
}

// Whether a row was not sent yet, or failed for a passing reason.
function mayGoBetter({ rows }) {
  return rows.some(({ link, problem }) => !link && (!problem || problem.status === 401 || isPassing(problem)));
}

function csvOf(rows) {
  const lines = rows.map(({ line, link, problem }) => [line.url, line.alias, link?.shortUrl, problem?.detail]);
  return [["url", "alias", "shortUrl", "error"], ...lines].map((cells) => `${cells.map(cell).join(",")}\r\n`).join("");
}

// Escapes what a spreadsheet would run as a formula.
function cell(value = "") {
  return `"${value.replace(/^[=+\-@\t]/, "'$&").replaceAll('"', '""')}"`;
}
