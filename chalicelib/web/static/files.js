// Files of links: one becomes links, and links become one. The service does both; here it is asked to, and waited for.
import { api, isPassing } from "./api.js";
import { alertLine, busy, button, choices, make, select, tell, text } from "./dom.js";
import { labelled } from "./fields.js";

const EVERY = 2000; // milliseconds between two looks: half of what a key may ask for by default

export function importForm() {
  const file = make("input", { type: "file", required: true, accept: ".csv,.txt,.tsv,.ndjson" });
  const taken = select(choices.taken);
  const note = make("p", { class: "quiet", role: "status" });
  const wrong = alertLine();
  const start = make("button", {}, text("fileStart"));
  const report = button(text("fileReport"), () => trying(report, saveReport), { hidden: true });
  let path;
  return make("form", { class: "card", submit }, labelled("file", text("file"), file), labelled("taken", text("taken"), taken),
    note, wrong, make("div", { class: "actions" }, start, report));

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
      const { body } = await api.post("/imports", { onTaken: taken.value });
      path = `/imports/${body.id}`;
      await send(body.upload, file.files[0]);
      const done = await ended(path, ({ read, total, problem }) => {
        if (total) Object.assign(bar, { max: total, value: read });
        tell(wrong, problem?.detail);
      });
      note.textContent = text("fileDone", done);
      report.hidden = false;
    } finally {
      bar.remove();
    }
  }

  // Its address is good for some minutes: whoever comes back later needs a new one.
  async function saveReport() {
    saveFrom((await api.get(path)).body.report);
  }
}

// Returns how many links there are in the file, once the browser has it.
export async function exportLinks() {
  const { body } = await api.post("/exports", { format: "csv" });
  const { file, links } = await ended(`/exports/${body.id}`);
  saveFrom(file);
  return links;
}

// The file is the last field: storage reads none behind it.
async function send({ url, fields, maxBytes }, file) {
  if (!file.size || file.size > maxBytes) throw { detail: text("fileSize", { most: maxBytes / 2 ** 20 }) };
  const body = new FormData();
  for (const [name, value] of Object.entries({ ...fields, file })) body.append(name, value);
  const answer = await fetch(url, { method: "POST", body }).catch(() => ({}));
  if (!answer.ok) throw { detail: text("fileLost") };
}

// Returns an import or an export once it is done. What passes by itself is shown, and no reason to give up.
async function ended(path, show) {
  for (;;) {
    await new Promise((done) => setTimeout(done, EVERY));
    const { body } = await api.get(path).catch((problem) => {
      if (isPassing(problem)) return { body: { problem } };
      throw problem;
    });
    show?.(body);
    if (body.state === "done") return body;
    if (body.state === "failed") throw body.problem;
  }
}

// Storage says that it is to be saved, and under which name.
function saveFrom(href) {
  make("a", { href }).click();
}
