// One link of the list: what it is and does, and what its owner can do with it.
import { api } from "./api.js";
import { addressLink, busy, button, copyButton, make, moment, say, withoutScheme } from "./dom.js";
import { clearErrors, explain, linkFields, showError, tell } from "./fields.js";
import { qrCode } from "./qr.js";
import { removeLater } from "./removal.js";
import { text } from "./texts.js";

const CHANGEABLE = ["url", "title", "tags", "expires", "maxVisits", "password", "enabled", "confirm", "forwardQuery", "rules"];

export function linkCard(link, filterBy) {
  const card = make("li", { class: "card link" });
  const path = `/links/${encodeURIComponent(link.code)}`;
  const short = withoutScheme(link.shortUrl);
  let below = null; // what is unfolded, and by which button
  draw();
  return card;

  function draw() {
    const times = ["createdAt", "expiresAt"].filter((name) => link[name]).map((name) => make("span", {}, text(name, { time: moment(link[name]) })));
    const doing = (name, work, more) => button(text(name), work, { class: "plain", "data-do": name, ...more });
    below = null;
    card.replaceChildren(
      make("div", { class: "actions" }, make("a", { class: "short", href: link.shortUrl, rel: "noopener" }, short), ...badgesOf(link)),
      make("div", {}, link.title ?? ""),
      addressLink(link.url, { class: "target quiet" }),
      make("div", { class: "actions quiet" },
        make("a", { href: `#/stats/${encodeURIComponent(link.code)}` }, text("visits", { count: link.visits.total })), ...times,
        ...link.tags.map((tag) => button(tag, () => filterBy(tag), { class: "tag" }))),
      make("div", { class: "actions", role: "group", "aria-label": short },
        copyButton(() => link.shortUrl, { class: "plain" }),
        doing("qr", ({ target }) => unfold(target, () => qrCode(link)), { "aria-expanded": "false" }),
        doing("edit", edit, { "aria-expanded": "false" }),
        doing(link.enabled ? "switchOff" : "switchOn", toggle),
        doing("remove", () => removeLater(link, card))),
      make("p", { class: "error", role: "alert", hidden: true }));
  }

  function focus(name) {
    card.querySelector(`[data-do=${name}]`).focus();
  }

  function unfold(opener, build) {
    const isOpen = below?.opener === opener;
    below?.node.remove();
    below?.opener.setAttribute("aria-expanded", "false");
    below = isOpen ? null : { opener, node: build() };
    if (isOpen) return;
    opener.setAttribute("aria-expanded", "true");
    card.append(below.node);
  }

  async function trying(work) {
    try {
      await work();
    } catch (problem) {
      tell(card.querySelector(".error"), problem.detail);
    }
  }

  function toggle({ target }) {
    return busy(target, () => trying(async () => {
      link = (await api.patch(path, { enabled: !link.enabled })).body;
      draw();
      focus(link.enabled ? "switchOff" : "switchOn");
    }));
  }

  function edit({ target }) {
    if (below?.opener === target) return unfold(target);
    return busy(target, () => trying(openForm));
  }

  // What is changed is what is there now, not what the list showed once.
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
    const fields = linkFields(`edit-${link.code}-`, CHANGEABLE, link);
    const before = fields.values();
    const save = make("button", {}, text("save"));
    const close = () => {
      unfold(below.opener);
      focus("edit");
    };
    const form = make("form", { class: "wide", novalidate: true, keydown: ({ key }) => key === "Escape" && close(), submit },
      make("div", { class: "grid" }, ...fields.nodes),
      make("p", { class: "error form-error", role: "alert", hidden: true }),
      make("div", { class: "actions" }, save, button(text("cancel"), close, { class: "plain" })));
    return form;

    function submit(event) {
      event.preventDefault();
      clearErrors(form);
      const isNew = ([name, value]) => JSON.stringify(before[name]) !== JSON.stringify(value);
      busy(save, () => send(form, Object.fromEntries(Object.entries(fields.values()).filter(isNew)), etag));
    }
  }

  async function send(form, changes, etag) {
    try {
      link = (await api.patch(path, changes, { headers: { "If-Match": etag } })).body;
      draw();
      say(text("saved"));
      focus("edit");
    } catch (problem) {
      if (problem.status === 412) await trying(async () => showError(await openForm(), text("changedMeanwhile")));
      else explain(form, problem);
    }
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
    limited: link.visitsLeft,
    ruled: link.rules.length,
  };
  return Object.keys(states).filter((state) => states[state])
    .map((state) => make("span", { class: `badge ${state}`, title: state === "blocked" && link.blocked }, text(state, { count: states[state] })));
}
