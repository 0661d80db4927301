// Imports and exports files of links: the service does the work, the page polls.
import { api, isPassing } from "./api.js";
import { alertLine, busy, button, choices, labelled, make, select, tell, text } from "./dom.js";
import { check } from "./fields.js";
import { domainField } from "./workspace.js";

export function importForm() {
  const file = make("input", { type: "file", required: true, accept: ".csv,.txt,.tsv,.ndjson" });
  const taken = select(choices.taken);
  const domain = domainField("import-domain");
  const dryRun = check("", {}, "dryRun");
  const note = make("p", { class: "quiet", role: "status" });
  const wrong = alertLine();
  const start = make("button", {}, text("fileStart"));
  const report = button(text("fileReport"), () => trying(report, saveReport), { hidden: true });
  let path;
  return make("form", { class: "card", submit }, labelled("file", text("file"), file), labelled("taken", text("taken"), taken),
    domain.node, dryRun.node, note, wrong, make("div", { class: "actions" }, start, report));

  function submit(event) {
    event.preventDefault();
    trying(start, bringIn);
  }

  function trying(node, work) {
    tell(wrong, "");
    busy(node, work, ({ detail }) => tell(wrong, detail));
  }

  async function bringIn() {
    const bar = make("progress", { "aria-label": text("fileStart") });
    report.hidden = true;
    note.replaceChildren(bar);
    try {
      const { body } = await api.post("/imports", { onTaken: taken.value, ...dryRun.values(), ...domain.values() });
      path = `/imports/${body.id}`;
      await send(body.upload, file.files[0]);
      const done = await ended(path, ({ read, total, problem }) => {
        if (total) Object.assign(bar, { max: total, value: read });
        tell(wrong, problem?.detail);
      });
      note.textContent = (done.dryRun ? text("fileDry") : "") + text("fileDone", done);
      report.hidden = false;
    } finally {
      bar.remove();
    }
  }

  // Its address is valid for some minutes only.
  async function saveReport() {
    saveFrom((await api.get(path)).body.report);
  }
}

// Downloads the file, and returns how many links are in it.
export async function exportLinks() {
  const { body } = await api.post("/exports", { format: "csv" });
  const { file, links } = await ended(`/exports/${body.id}`);
  saveFrom(file);
  return links;
}

// The file is the last field: S3 ignores fields after it.
async function send({ url, fields, maxBytes }, file) {
  if (!file.size || file.size > maxBytes) throw { detail: text("fileSize", { most: maxBytes / 2 ** 20 }) };
  const body = new FormData();
  for (const [name, value] of Object.entries({ ...fields, file })) body.append(name, value);
  const answer = await fetch(url, { method: "POST", body }).catch(() => ({}));
  if (!answer.ok) throw { detail: text("fileLost") };
}

// Returns an import or export once it is done; temporary problems are shown.
async function ended(path, show) {
  for (let looks = 0; ; looks++) {
    // Often at first; then at half the key's rate limit.
    await new Promise((done) => setTimeout(done, looks < 4 ? 500 : 2000));
    const { body } = await api.get(path).catch((problem) => {
      if (isPassing(problem)) return { body: { problem } };
      throw problem;
    });
    show?.(body);
    if (body.state === "done") return body;
    if (body.state === "failed") throw body.problem;
  }
}

// S3 names the file.
function saveFrom(href) {
  make("a", { href }).click();
}
