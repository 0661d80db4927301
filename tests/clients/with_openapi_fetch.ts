// A program with the types of openapi-typescript and the client openapi-fetch: links, statistics, an import, errors.
import createClient from "openapi-fetch";
import type { paths } from "./generated/openapi-typescript";
import { change, newLink, pause, setting, upload } from "./scenario";

const api = createClient<paths, `application/${string}json`>({
  baseUrl: setting("API"),
  headers: { Authorization: `Bearer ${setting("KEY")}` },
});

function expected<T>({ data, error }: { data?: T; error?: unknown }): T {
  if (data === undefined) throw new Error(JSON.stringify(error));
  return data;
}

async function listed(): Promise<string[]> {
  const codes: string[] = [];
  for (let cursor: string | null | undefined = undefined; cursor !== null; ) {
    const query: { limit: number; cursor?: string } = cursor ? { limit: 2, cursor } : { limit: 2 };
    const page = expected(await api.GET("/links", { params: { query } }));
    codes.push(...page.data.map((link) => link.code));
    cursor = page.next;
  }
  return codes;
}

async function statistics() {
  const path = { code: setting("VISITED") };
  const ofLink = expected(await api.GET("/links/{code}/stats", { params: { path } }));
  const ofAll = expected(await api.GET("/stats"));
  return {
    humans: ofLink.total.humans,
    days: ofLink.series.length,
    all: ofAll.total.visits,
    links: ofAll.links.map((each) => each.name),
  };
}

async function imported() {
  const started = expected(await api.POST("/imports", { body: { onTaken: "rename" } }));
  await upload(started.upload);
  for (;;) {
    const found = expected(await api.GET("/imports/{import_id}", { params: { path: { import_id: started.id } } }));
    if (found.state === "done" || found.state === "failed") {
      return { state: found.state, created: found.created, refused: found.refused };
    }
    await pause(0.2);
  }
}

async function problems() {
  const missing = (await api.GET("/links/{code}", { params: { path: { code: "missing" } } })).error;
  const invalid = (await api.POST("/links", { body: { url: "ftp://example.com" } })).error;
  return [missing?.code, invalid?.code, invalid?.errors?.map((each) => [each.field, each.code])];
}

const link = expected(await api.POST("/links", { body: newLink }));
const created = { code: link.code, tags: link.tags, expiresAt: link.expiresAt, rules: link.rules.map((rule) => rule.url) };
const codes = await listed();
const patched = expected(await api.PATCH("/links/{code}", { params: { path: { code: link.code } }, body: change }));
const { title, expiresAt, tags } = patched;

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
