// One link of the list: what it is and does, and what its owner can do with it.
import { api } from "./api.js";
import { addressLink, busy, button, copyButton, make, moment, say, withoutScheme } from "./dom.js";
import { clearErrors, explain, linkFields, showError } from "./fields.js";
import { qrCode } from "./qr.js";
import { removeLater } from "./removal.js";
import { text } from "./texts.js";

const CHANGEABLE = ["url", "title", "tags", "expires", "maxVisits", "password", "enabled", "confirm", "forwardQuery", "rules"];

export function linkCard(link, filterBy) {
  const card = make("li", { class: "card link", "data-code": link.code });
  const path = `/links/${encodeURIComponent(link.code)}`;
  let below = null; // what is unfolded: "qr" or "edit"
  draw();
  return card;

  function draw() {
    const short = withoutScheme(link.shortUrl);
    const doing = { "aria-label": undefined, class: "plain" };
    card.replaceChildren(
      make("div", { class: "link-head" },
        make("a", { class: "short", href: link.shortUrl, rel: "noopener" }, short), ...badgesOf(link)),
      make("p", { class: "link-title" }, link.title ?? ""),
      make("p", { class: "target quiet" }, addressLink(link.url)),
      make("p", { class: "quiet link-facts" },
        make("a", { href: `#/stats/${encodeURIComponent(link.code)}` }, text("visits", { count: link.visits.total })),
        link.createdAt && make("span", {}, text("madeAt", { time: moment(link.createdAt) })),
        link.expiresAt && make("span", {}, text("until", { time: moment(link.expiresAt) })),
        ...link.tags.map((tag) => button(tag, () => filterBy(tag), { class: "tag", "aria-label": text("filterBy", { tag }) }))),
      make("div", { class: "actions", role: "group", "aria-label": text("actionsOf", { short }) },
        copyButton(() => link.shortUrl, { class: "plain" }),
        button(text("qr"), showQr, { ...doing, "aria-expanded": "false", "data-do": "qr" }),
        button(text("edit"), edit, { ...doing, "aria-expanded": "false", "data-do": "edit" }),
        button(text(link.enabled ? "switchOff" : "switchOn"), toggle, { ...doing, "data-do": "toggle" }),
        button(text("remove"), () => removeLater(link, card), { class: "plain danger", "data-do": "remove" })),
      make("p", { class: "error card-error", role: "alert", hidden: true }));
    below = null;
  }

  function at(name) {
    return card.querySelector(`[data-do=${name}]`);
  }

  function unfold(name, node) {
    fold();
    below = { name, node };
    at(name).setAttribute("aria-expanded", "true");
    card.append(node);
  }

  function fold() {
    if (!below) return;
    below.node.remove();
    at(below.name).setAttribute("aria-expanded", "false");
    below = null;
  }

  function wrong(problem) {
    const place = card.querySelector(".card-error");
    place.textContent = problem?.detail ?? "";
    place.hidden = !problem;
  }

  function showQr() {
    if (below?.name === "qr") fold();
    else unfold("qr", qrCode(link));
  }

  function toggle({ currentTarget }) {
    return busy(currentTarget, async () => {
      wrong(null);
      try {
        link = (await api.patch(path, { enabled: !link.enabled })).body;
        draw();
        say(text(link.enabled ? "isOn" : "isOff"));
        at("toggle").focus();
      } catch (problem) {
        wrong(problem);
      }
    });
  }

  function edit({ currentTarget }) {
    if (below?.name === "edit") {
      fold();
      return undefined;
    }
    return busy(currentTarget, () => openForm(""));
  }

  // What is changed is what is there now, not what the list showed once.
  async function openForm(why) {
    wrong(null);
    try {
      const { body, headers } = await api.get(path);
      link = body;
      draw();
      const form = editForm(headers.get("ETag"));
      unfold("edit", form);
      form.elements[0].focus();
      if (why) showError(form, why);
    } catch (problem) {
      wrong(problem);
    }
  }

  function editForm(etag) {
    const fields = linkFields(`edit-${link.code}-`, CHANGEABLE, link);
    const before = fields.values();
    const save = make("button", { type: "submit" }, text("save"));
    const close = () => {
      fold();
      at("edit").focus();
    };
    const form = make("form", { class: "edit", novalidate: true, "aria-label": text("editOf", { short: withoutScheme(link.shortUrl) }) },
      make("div", { class: "options" }, ...fields.nodes),
      make("p", { class: "error form-error", role: "alert", hidden: true }),
      make("div", { class: "actions" }, save, button(text("cancel"), close, { class: "plain" })));
    form.addEventListener("keydown", (event) => event.key === "Escape" && close());
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      busy(save, async () => {
        clearErrors(form);
        const changes = differences(before, fields.values());
        if (!Object.keys(changes).length) return close();
        return send(form, changes, etag);
      });
    });
    return form;
  }

  async function send(form, changes, etag) {
    try {
      link = (await api.patch(path, changes, { headers: { "If-Match": etag } })).body;
      draw();
      say(text("saved"));
      at("edit").focus();
    } catch (problem) {
      if (problem.status === 412) await openForm(text("changedMeanwhile"));
      else explain(form, problem);
    }
  }
}

function differences(before, after) {
  const isNew = ([name, value]) => JSON.stringify(before[name]) !== JSON.stringify(value);
  return Object.fromEntries(Object.entries(after).filter(isNew));
}

function badgesOf(link) {
  const now = Date.now();
  const states = {
    blocked: link.blocked !== null,
    off: !link.enabled,
    notYet: link.startsAt && Date.parse(link.startsAt) > now,
    expired: link.expiresAt && Date.parse(link.expiresAt) <= now,
    usedUp: link.visitsLeft === 0,
    protected: link.protected,
    asks: link.confirm,
    limited: link.maxVisits !== null && link.visitsLeft !== 0,
    ruled: link.rules.length > 0,
  };
  return Object.keys(states).filter((state) => states[state]).map((state) => {
    const words = text(`state_${state}`, { left: link.visitsLeft ?? 0, count: link.rules.length });
    return make("span", { class: `badge ${state}`, title: state === "blocked" ? link.blocked : undefined }, words);
  });
}
