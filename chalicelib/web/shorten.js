// The form: sends what was typed, shows the short link or, beside each field, what is wrong with it.
import { api } from "./api.js";
import { busy, button, copyButton, later, make, moment, say, withoutScheme } from "./dom.js";
import { clearErrors, explain, linkFields, showError, withScheme } from "./fields.js";
import { keepKeysOfLinks, keyOfLink, ownKey } from "./keys.js";
import { qrCode } from "./qr.js";
import { text } from "./texts.js";

const OPTIONS = ["alias", "title", "tags", "expires", "maxVisits", "password", "confirm", "forwardQuery", "unguessable", "rules"];
const LOOK_AFTER = 350; // milliseconds without a key pressed
let form, options, result; // they are in the page while this view is shown
let fields = null;
let isCounted = false; // whether looking whether an alias is free is counted as making a link, and so is better not done

export function show() {
  if (fields) return;
  [form, options, result] = ["shorten", "options", "result"].map((id) => document.getElementById(id));
  renew();
}

export function submit() {
  show();
  clearErrors(form);
  return busy(form.querySelector("[type=submit]"), async () => {
    try {
      const { body, headers } = await api.post("/links", wish());
      isCounted ||= headers.has("RateLimit");
      keepKeysOfLinks([body]);
      present(body);
    } catch (problem) {
      result.hidden = true;
      explain(form, problem);
    }
  });
}

function renew() {
  fields = linkFields("", OPTIONS);
  options.open = false;
  options.replaceChildren(options.firstElementChild, make("div", { class: "options" }, ...fields.nodes));
  watchAlias(form.querySelector("#alias"));
}

function wish() {
  const wanted = { url: withScheme(form.url.value.trim()), ...fields.values() };
  const isGiven = (value) => value !== null && value !== false && !(Array.isArray(value) && value.length === 0);
  return Object.fromEntries(Object.entries(wanted).filter(([, value]) => isGiven(value)));
}

function watchAlias(input) {
  const said = make("p", { class: "quiet", id: "alias-said", role: "status" });
  const error = form.querySelector("#alias-error");
  error.before(said);
  const look = later(async () => {
    const alias = input.value.trim();
    if (!alias) return;
    const found = await outcomeOf(alias).catch(() => null);
    if (alias !== input.value.trim() || found === null) return;
    said.textContent = found || text("aliasFree", { alias });
    said.className = found ? "quiet taken" : "quiet free";
  }, LOOK_AFTER);
  input.addEventListener("input", () => {
    said.textContent = "";
    error.hidden = true;
    input.removeAttribute("aria-invalid");
    look();
  });
}

// Returns what is wrong with an alias, or "".
async function outcomeOf(alias) {
  if (isCounted && !ownKey()) return (await isVisible(alias)) ? text("aliasTaken", { alias }) : "";
  const links = [{ url: "https://example.com/", alias }];
  const { body, headers } = await api.post("/links/bulk?dryRun=true", { links }, { quiet: true });
  isCounted ||= headers.has("RateLimit");
  return body.data[0].problem?.errors?.find((error) => error.field === "alias")?.message ?? "";
}

async function isVisible(alias) {
  try {
    await api.get(`/${encodeURIComponent(alias)}+`, { quiet: true });
    return true;
  } catch (problem) {
    if (problem.status === 404) return false;
    throw problem;
  }
}

function present(link) {
  const short = withoutScheme(link.shortUrl);
  const copy = copyButton(() => link.shortUrl, { id: "copy" });
  const address = make("a", { id: "short", class: "grow", href: link.shortUrl, rel: "noopener" }, short);
  const isMine = ownKey() || keyOfLink(link.code);
  result.replaceChildren(
    make("div", { class: "result-text" },
      make("h2", { id: "result-title", class: "quiet" }, text("resultTitle")),
      make("p", { class: "row" }, address, copy),
      make("p", { class: "quiet", id: "leads" }, text("leadsTo", { url: link.url }), link.expiresAt && ` ${text("until", { time: moment(link.expiresAt) })}`),
      make("p", { class: "actions" },
        Boolean(navigator.share) && button(text("share"), () => share(link), { class: "plain", id: "share" }),
        isMine && make("a", { class: "plain button", href: `#/stats/${encodeURIComponent(link.code)}` }, text("statistics")),
        isMine && make("a", { class: "plain button", href: "#/links" }, text("myLinks")))),
    qrCode(link));
  result.hidden = false;
  form.reset();
  renew();
  say(text("made", { short }));
  copy.focus();
}

async function share(link) {
  try {
    await navigator.share({ url: link.shortUrl, title: link.title ?? undefined });
  } catch (error) {
    if (error.name !== "AbortError") showError(form, text("shareFailed"));
  }
}
