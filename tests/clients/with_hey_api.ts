// A program with the client that @hey-api/openapi-ts generates: links, statistics, an import, errors.
import {
  createLink,
  getImport,
  getLink,
  getLinkStatistics,
  getStatistics,
  listLinks,
  startImport,
  updateLink,
} from "./generated/hey-api";
import { client } from "./generated/hey-api/client.gen";
import { change, newLink, pause, setting, upload } from "./scenario";

client.setConfig({ baseUrl: setting("API"), auth: setting("KEY") });
const throwOnError = true;

async function listed(): Promise<string[]> {
  const codes: string[] = [];
  for (let cursor: string | null | undefined = undefined; cursor !== null; ) {
    const query: { limit: number; cursor?: string } = cursor ? { limit: 2, cursor } : { limit: 2 };
    const { data } = await listLinks({ query, throwOnError });
    codes.push(...data.data.map((link) => link.code));
    cursor = data.next;
  }
  return codes;
}

async function statistics() {
  const ofLink = (await getLinkStatistics({ path: { code: setting("VISITED") }, throwOnError })).data;
  const ofAll = (await getStatistics({ throwOnError })).data;
  return {
    humans: ofLink.total.humans,
    days: ofLink.series.length,
    all: ofAll.total.visits,
    links: ofAll.links.map((each) => each.name),
  };
}

async function imported() {
  const started = (await startImport({ body: { onTaken: "rename" }, throwOnError })).data;
  await upload(started.upload);
  for (;;) {
    const { data } = await getImport({ path: { import_id: started.id }, throwOnError });
    if (data.state === "done" || data.state === "failed") {
      return { state: data.state, created: data.created, refused: data.refused };
    }
    await pause(0.2);
  }
}

async function problems() {
  const missing = (await getLink({ path: { code: "missing" } })).error;
  const invalid = (await createLink({ body: { url: "ftp://example.com" } })).error;
  return [missing?.code, invalid?.code, invalid?.errors?.map((each) => [each.field, each.code])];
}

const link = (await createLink({ body: newLink, throwOnError })).data;
const created = { code: link.code, tags: link.tags, expiresAt: link.expiresAt, rules: link.rules.map((rule) => rule.url) };
const codes = await listed();
const { title, expiresAt, tags } = (await updateLink({ path: { code: link.code }, body: change, throwOnError })).data;

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
