// The API as the views call it: sends the right key, asks for one where it is missing, and throws problems.
import { keyOfLink, ownKey } from "./keys.js";
import { text } from "./texts.js";

export const root = document.body.dataset.root;
// Whether files can be imported and exported: the service says if it has storage for them.
export const takesFiles = () => document.body.dataset.files && ownKey();
// Whether a problem is temporary, so that a retry may succeed.
export const isPassing = ({ status }) => [0, 429].includes(status) || status >= 500;
const ownHost = document.body.dataset.host.split("/")[0].toLowerCase();
// The domain of a link, after `sign`; "" for the default one, which addresses and calls do not name.
export const domainOf = ({ domain }, sign = "") => (domain && domain !== ownHost ? sign + domain : "");
export const pathOf = (link) => `/links/${link.code}${domainOf(link, "?domain=")}`;
export const statsOf = (link) => `#/stats/${link.code}${domainOf(link, "/")}`;
let asking = null;

// Each returns {body, headers}, or throws {status, code, detail, errors}; status 0: no answer.
export const api = {
  get: (path, options) => call("GET", path, options),
  post: (path, body, options) => call("POST", path, { ...options, body }),
  patch: (path, body, options) => call("PATCH", path, { ...options, body }),
  remove: (path, options) => call("DELETE", path, options),
};

async function call(method, path, options = {}) {
  // Links without a key are at the default domain. Letters, digits, - and _ need no encoding.
  const ofLink = keyOfLink(/^\/links\/([^/?]+)(?!.*[?&]domain=)/.exec(path)?.[1]);
  const answer = await send(method, path, options, ofLink ?? ownKey());
  if (answer.ok) return { body: await bodyOf(answer, options), headers: answer.headers };
  const problem = await problemIn(answer);
  if (answer.status === 401 && !ofLink && !options.quiet && (await anotherKey(problem.detail))) return call(method, path, options);
  throw problem;
}

async function send(method, path, { body, accept, headers, keepalive }, key) {
  try {
    // Without /v1 in this version: while new code gets a tenth of the requests, the code before it has no other address.
    return await fetch(root + path, {
      method,
      keepalive,
      headers: {
        Accept: accept ?? "application/json",
        ...(body && { "Content-Type": "application/json" }),
        ...(key && { "X-Api-Key": key }),
        ...headers,
      },
      body: body && JSON.stringify(body),
    });
  } catch {
    throw { status: 0, detail: text("unreachable") };
  }
}

// A response of another type than JSON is a blob.
async function bodyOf(answer, { accept }) {
  if (answer.status === 204) return null;
  return accept ? answer.blob() : answer.json();
}

async function problemIn(answer) {
  const { status } = answer;
  return { detail: text("answered", { status }), ...(await answer.json().catch(() => ({}))), status };
}

// Concurrent calls without a key open one dialog.
function anotherKey(why) {
  asking ??= import("./key-dialog.js").then(({ askForKey }) => askForKey(why)).finally(() => { asking = null; });
  return asking;
}
