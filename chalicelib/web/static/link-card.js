// One link of the list: its details, and the owner's actions.
import { api, domainOf, pathOf, statsOf } from "./api.js";
import { addressLink, alertLine, busy, button, copyButton, make, moment, say, tell, text, withoutScheme } from "./dom.js";
import { changeForm, explain, showError } from "./fields.js";
import { forgetKeyOfLink } from "./keys.js";
import { qrCode } from "./qr.js";
import { removeLater } from "./removal.js";

const CHANGEABLE = ["url", "title", "tags", "expires", "maxVisits", "password", "enabled", "confirm", "forwardQuery", "rules"];

export function linkCard(link, filterBy) {
  const card = make("li", { class: "card link" });
  const path = pathOf(link);
  const short = withoutScheme(link.shortUrl);
  let below = null; // the open section, and its button
  draw();
  return card;

  function draw() {
    const times = ["createdAt", "expiresAt"].filter((name) => link[name]).map((name) => make("span", {}, text(name, { time: moment(link[name]) })));
    const doing = (name, work, more) => button(text(name), work, { "data-do": name, ...more });
    below = null;
    card.replaceChildren(
      make("div", { class: "actions" }, make("a", { class: "short", href: link.shortUrl }, short), ...badgesOf(link)),
      make("div", {}, link.title ?? ""),
      addressLink(link.url, { class: "target quiet" }),
      make("div", { class: "actions quiet" },
        make("a", { href: statsOf(link) }, text("visits", { count: link.visits.total })),
        link.importedVisits > 0 && make("span", {}, text("importedVisits", { count: link.importedVisits })), ...times,
        ...link.tags.map((tag) => button(tag, () => filterBy(tag), { class: "tag" }))),
      make("div", { class: "actions", role: "group", "aria-label": short },
        copyButton(() => link.shortUrl),
        doing("qr", ({ target }) => unfold(target, () => qrCode(link)), { "aria-expanded": "false" }),
        doing("edit", edit, { "aria-expanded": "false" }),
        doing(link.enabled ? "switchOff" : "switchOn", toggle),
        doing("remove", remove)),
      alertLine());
  }

  function focus(name) {
    card.querySelector(`[data-do=${name}]`).focus();
  }

  function unfold(opener, build) {
    const isOpen = below?.opener === opener;
    below?.node.remove();
    if (below) below.opener.ariaExpanded = "false";
    below = isOpen ? null : { opener, node: build() };
    if (isOpen) return;
    opener.ariaExpanded = "true";
    card.append(below.node);
  }

  function fail({ detail }) {
    tell(card.querySelector(".error"), detail);
  }

  function toggle({ target }) {
    return busy(target, async () => {
      link = (await api.patch(path, { enabled: !link.enabled })).body;
      draw();
      focus(link.enabled ? "switchOff" : "switchOn");
    }, fail);
  }

  function remove() {
    const words = ["removing", "removed"].map((name) => text(name, { short }));
    removeLater({ path, name: short, words, done: () => domainOf(link) || forgetKeyOfLink(link.code) }, card);
  }

  function edit({ target }) {
    if (below?.opener === target) return unfold(target);
    return busy(target, openForm, fail);
  }

  // Edit the current version, not the one that the list has loaded.
  async function openForm() {
    const { body, headers } = await api.get(path);
    link = body;
    draw();
    const form = editForm(headers.get("ETag"));
    unfold(card.querySelector("[data-do=edit]"), () => form);
    form.elements[0].focus();
    return form;
  }

  function editForm(etag) {
    const close = () => {
      unfold(below.opener);
      focus("edit");
    };
    return changeForm(`edit-${domainOf(link)}${link.code}-`, CHANGEABLE, link, { send: (changes) => send(changes, etag), refuse, close });
  }

  async function send(changes, etag) {
    link = (await api.patch(path, changes, { headers: { "If-Match": etag } })).body;
    draw();
    say(text("saved"));
    focus("edit");
  }

  function refuse(form, problem) {
    if (problem.status === 412) openForm().then((newest) => showError(newest, text("changedMeanwhile")), fail);
    else explain(form, problem);
  }
}

function badgesOf(link) {
  const isPast = (time) => time && new Date(time) <= new Date();
  const states = {
    blocked: link.blocked !== null,
    off: !link.enabled,
    notYet: link.startsAt && !isPast(link.startsAt),
    expired: isPast(link.expiresAt),
    usedUp: link.visitsLeft === 0,
    protected: link.protected,
    asks: link.confirm,
    guessed: link.guessedAt,
    limited: link.visitsLeft,
    ruled: link.rules.length,
  };
  return Object.entries(states).filter(([, count]) => count)
    .map(([state, count]) => make("span", { class: `badge ${state}`, title: state === "blocked" && link.blocked }, text(state, { count })));
}
