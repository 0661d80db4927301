// What the key may do: names its workspace below every view, offers the view of keys to administrators, and a choice of domain where there are several.
import { api } from "./api.js";
import { labelled, make, tell, text } from "./dom.js";
import { keepDomain, keptDomain, ownKey } from "./keys.js";

const [keys, domains, note] = ["keys-link", "domains-link", "workspace"].map((id) => document.getElementById(id));
const fills = []; // one for each field
let asked = ""; // the key that the page shows
let hosts = []; // to choose from, the default domain first; none where there is no choice
let usual; // the workspace's own default

addEventListener("keys", () => { offered = ask(); });
// Settled once it is known what there is to choose from.
export let offered = ask();

async function ask() {
  const key = ownKey() ?? "";
  if (key === asked) return;
  asked = key;
  offer([]); // before views ask for what is of this key
  const [me, all] = key ? await Promise.all(["/v1/me", "/v1/domains"].map(seen)) : [];
  const found = all ? firstOfEach(all.data).map(({ host }) => host) : [];
  const own = found[1] && !found.includes(keptDomain()) && me && (await seen(`/v1/workspaces/${me.workspace}`));
  if (key !== asked) return;
  usual = own?.defaults?.domain;
  offer(found[1] ? found : []);
  keys.hidden = !/keys|admin/.test(me?.scopes);
  tell(note, me ? text("actsFor", { workspace: me.workspaceName }) : "");
}

function seen(path) {
  return api.get(path, { quiet: true }).then(({ body }) => body, () => null);
}

function offer(found) {
  hosts = found;
  domains.hidden = !hosts.length;
  fills.forEach((fill) => fill());
}

function choose(host) {
  keepDomain(host);
  offer(hosts);
}

// Of the hosts with the same links, the one that short URLs are shown with.
export const firstOfEach = (data) => data.filter(({ host, hosts: same }) => host === same[0]);

// A field for the domain, not shown where there is no choice. What is chosen is remembered, unless `all` is a choice.
export function domainField(id, all) {
  const control = make("select", { change: () => all || choose(control.value) });
  const node = labelled(id, text("domain"), control, "domain");
  const fill = () => {
    const chosen = [keptDomain(), usual].find((host) => hosts.includes(host));
    const options = hosts.map((host) => make("option", { value: host, selected: !all && host === chosen }, host));
    control.replaceChildren(...(all ? [make("option", { value: "" }, all)] : []), ...options);
    node.hidden = !hosts.length;
  };
  fills.push(fill);
  fill();
  return { node, values: () => (control.value ? { domain: control.value } : {}) };
}
