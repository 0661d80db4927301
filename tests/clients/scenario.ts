// What the programs have in common, whatever client they use: settings, a wait, the upload of a file.
export function setting(name: "API" | "KEY" | "ALIAS" | "VISITED"): string {
  const value = process.env[name];
  if (value === undefined) throw new Error(`${name} is not set`);
  return value;
}

export const pause = (seconds: number) => new Promise((done) => setTimeout(done, seconds * 1000));

// Sends two links to the storage, as the response to an import says.
export async function upload(form: { url: string; fields: Record<string, string> }): Promise<void> {
  const body = new FormData();
  for (const [name, value] of Object.entries(form.fields)) body.append(name, value);
  body.append("file", new Blob(["url\nhttps://example.com/one\nhttps://example.com/two\n"]));
  const { ok, status } = await fetch(form.url, { method: "POST", body });
  if (!ok) throw new Error(`The storage answers ${status}`);
}

export const newLink = {
  url: "https://example.com/spring",
  alias: setting("ALIAS"),
  tags: ["sale", "spring"],
  expiresAt: "2099-12-31T23:59:00Z",
  rules: [{ url: "https://example.com/app", if: { device: "ios" as const, query: { ref: ["news"], preview: true as const } } }],
};

export const change = { title: "Spring sale", expiresAt: null };
