// What the key may do: names its workspace below every view, and offers the view of keys to administrators.
import { api } from "./api.js";
import { tell, text } from "./dom.js";
import { ownKey } from "./keys.js";

const [link, note] = ["keys-link", "workspace"].map((id) => document.getElementById(id));
let asked = ""; // the key that the page shows

addEventListener("keys", ask);
ask();

async function ask() {
  const key = ownKey() ?? "";
  if (key === asked) return;
  asked = key;
  const { body } = key ? await api.get("/v1/me", { quiet: true }).catch(() => ({})) : {};
  if (key !== asked) return;
  link.hidden = !/keys|admin/.test(body?.scopes);
  tell(note, body ? text("actsFor", { workspace: body.workspaceName }) : "");
}
