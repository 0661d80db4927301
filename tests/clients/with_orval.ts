// A program with the client that orval generates: links, statistics, an import, errors.
import {
  createLink,
  getImport,
  getLink,
  getLinkStatistics,
  getStatistics,
  listLinks,
  startImport,
  updateLink,
} from "./generated/orval";
import { change, newLink, pause, setting, upload } from "./scenario";

// Of what a call may return, what comes with this status; a text is what clients get that ask for text or CSV.
function expected<R extends { status: number; data: unknown }, S extends R["status"]>(
  response: R,
  status: S,
): Exclude<Extract<R, { status: S }>["data"], string> {
  if (response.status !== status || typeof response.data === "string") {
    throw new Error(`${response.status}: ${JSON.stringify(response.data)}`);
  }
  return response.data as Exclude<Extract<R, { status: S }>["data"], string>;
}

async function listed(): Promise<string[]> {
  const codes: string[] = [];
  for (let cursor: string | null | undefined = undefined; cursor !== null; ) {
    const query: { limit: number; cursor?: string } = cursor ? { limit: 2, cursor } : { limit: 2 };
    const page = expected(await listLinks(query), 200);
    codes.push(...page.data.map((link) => link.code));
    cursor = page.next;
  }
  return codes;
}

async function statistics() {
  const ofLink = expected(await getLinkStatistics(setting("VISITED")), 200);
  const ofAll = expected(await getStatistics(), 200);
  return {
    humans: ofLink.total.humans,
    days: ofLink.series.length,
    all: ofAll.total.visits,
    links: ofAll.links.map((each) => each.name),
  };
}

async function imported() {
  const started = expected(await startImport({ onTaken: "rename" }), 201);
  await upload(started.upload);
  for (;;) {
    const found = expected(await getImport(started.id), 200);
    if (found.state === "done" || found.state === "failed") {
      return { state: found.state, created: found.created, refused: found.refused };
    }
    await pause(0.2);
  }
}

async function problems() {
  const missing = expected(await getLink("missing"), 404);
  const invalid = expected(await createLink({ url: "ftp://example.com" }), 422);
  return [missing.code, invalid.code, invalid.errors?.map((each) => [each.field, each.code])];
}

const link = expected(await createLink(newLink), 201);
const created = { code: link.code, tags: link.tags, expiresAt: link.expiresAt, rules: link.rules.map((rule) => rule.url) };
const codes = await listed();
const { title, expiresAt, tags } = expected(await updateLink(link.code, change), 200);

console.log(
  JSON.stringify({
    created,
    listed: codes,
    patched: { title, expiresAt, tags },
    statistics: await statistics(),
    imported: await imported(),
    problems: await problems(),
  }),
);
