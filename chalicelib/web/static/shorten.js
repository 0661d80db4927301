// The form: creates a link, and shows it or the errors at its fields.
import { api } from "./api.js";
import { busy, button, copyButton, later, make, moment, say, text, withoutScheme } from "./dom.js";
import { clearErrors, explain, linkFields, withScheme } from "./fields.js";
import { keepKeysOfLinks, keyOfLink, ownKey } from "./keys.js";
import { qrCode } from "./qr.js";
import { domainField, offered } from "./workspace.js";

const OPTIONS = ["alias", "title", "tags", "expires", "maxVisits", "password", "confirm", "forwardQuery", "unguessable", "rules"];
const domain = domainField("domain");
let form, options, result; // in the page while this view is shown
let fields, isCounted; // isCounted: checking an alias counts as creating a link

export function show() {
  if (fields) return;
  [form, options, result] = ["shorten", "options", "result"].map((id) => document.getElementById(id));
  form.querySelector(".row > button").before(domain.node);
  domain.node.onchange = () => form.alias.dispatchEvent(new Event("input"));
  renew();
}

export function submit() {
  show();
  clearErrors(form);
  return busy(form.querySelector("button"), async () => {
    await offered;
    const { body } = await api.post("/links", newLink());
    keepKeysOfLinks([body]);
    present(body);
  }, (problem) => {
    result.hidden = true;
    explain(form, problem);
  });
}

function renew() {
  fields = linkFields("", OPTIONS);
  options.replaceChildren(options.firstElementChild, make("div", { class: "grid" }, ...fields.nodes));
  watchAlias(form.querySelector("#alias"));
}

function newLink() {
  const values = { url: withScheme(form.url.value.trim()), ...fields.values(), ...domain.values() };
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== null && value !== false));
}

function watchAlias(input) {
  const note = make("p", { class: "quiet", role: "status" });
  input.after(note);
  const look = later(async () => {
    const alias = input.value.trim();
    const wrong = alias ? await wrongWith(alias).catch(() => null) : null;
    if (alias === input.value.trim()) note.textContent = wrong === "" ? text("aliasFree", { alias }) : wrong;
  });
  input.addEventListener("input", () => {
    note.textContent = "";
    look();
  });
}

// Returns the problem of an alias, "" if it is free, null if checking it would use up the limit.
async function wrongWith(alias) {
  if (isCounted && !ownKey()) return null;
  const links = [{ url: "https://example.com/", alias, ...domain.values() }];
  const { body, headers } = await api.post("/links/bulk?dryRun=true", { links }, { quiet: true });
  isCounted = headers.has("RateLimit");
  return body.data[0].problem?.errors?.find((error) => error.field === "alias")?.message ?? "";
}

function present(link) {
  const short = withoutScheme(link.shortUrl);
  const copy = copyButton(() => link.shortUrl, { id: "copy", class: null });
  const leads = text(link.expiresAt ? "leadsUntil" : "leadsTo", { url: link.url, time: moment(link.expiresAt) });
  const mine = (ownKey() || keyOfLink(link.code)) && make("a", { class: "plain button", href: "#/links" }, text("myLinks"));
  const share = navigator.share && button(text("share"), () => navigator.share({ url: link.shortUrl }).catch(() => {}));
  result.replaceChildren(
    make("div", { class: "grow" },
      make("p", { class: "row" }, make("a", { id: "short", class: "grow", href: link.shortUrl }, short), copy),
      make("p", { class: "quiet" }, leads),
      make("p", { class: "actions" }, share, mine)),
    qrCode(link));
  result.hidden = false;
  form.reset();
  options.open = false;
  renew();
  say(text("made", { short }));
  copy.focus();
}
