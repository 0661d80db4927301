// The keys of a workspace, for its administrators: list, make and revoke them.
import { texts } from "./access-texts.js";
import { api } from "./api.js";
import { alertLine, busy, button, copyButton, labelled, make, moment, say, select, tell } from "./dom.js";
import { clearErrors, explain } from "./fields.js";
import { keepOwnKey, ownKey } from "./keys.js";
import { isBeingRemoved, removeLater } from "./removal.js";

const pathOf = ({ id }) => `/v1/keys/${id}`;
const pathOfAll = ({ person }) => `/v1/keys?person=${encodeURIComponent(person)}`;
const isPast = ({ revokedAt, expiresAt }) => revokedAt || (expiresAt && new Date(expiresAt) <= new Date());

export function show(main) {
  const note = make("p", { class: "quiet", role: "status" });
  const wrong = alertLine();
  const save = make("button", {}, texts.add);
  const form = make("form", { submit }, make("div", { class: "grid" }, ...fields()),
    alertLine({ class: "error form-error" }), make("div", { class: "wide" }, save));
  const adding = make("details", { class: "card" }, make("summary", {}, texts.add), form);
  const added = make("section", { class: "card result", "aria-label": texts.add, hidden: true }); // nothing else keeps the text of a new key
  const [list, past] = [0, 1].map(() => make("ul", { class: "links" }));
  const summary = make("summary");
  const rest = make("details", {}, summary, past);
  const shown = make("div", {}, adding, added, list, rest);
  let me, keys, turn = 0;

  main.replaceChildren(make("h1", {}, texts.title), note, wrong, shown);
  addEventListener("keys", begin);
  addEventListener("pagehide", leave); // the browser's Back may bring the same page again
  begin();
  return leave;

  function leave() {
    turn = -1;
    added.replaceChildren();
    removeEventListener("keys", begin);
  }

  async function begin() {
    const mine = ++turn;
    shown.hidden = true;
    tell(wrong, "");
    note.textContent = "";
    try {
      const who = (await api.get("/v1/me")).body;
      const { data } = (await api.get(`/v1/keys?owner=${who.workspace}`)).body;
      if (mine === turn) draw(who, data);
    } catch ({ detail }) {
      if (mine === turn) tell(wrong, detail);
    }
  }

  function draw(who, data) {
    const isLeaving = (key) => [pathOf, pathOfAll].some((path) => isBeingRemoved(path(key)));
    me = who;
    keys = data;
    for (const key of keys) key.card = cardOf(key);
    list.replaceChildren(...keys.filter((key) => !isPast(key) && !isLeaving(key)).map(({ card }) => card));
    past.replaceChildren(...keys.filter(isPast).map(({ card }) => card));
    shown.hidden = false;
    count();
  }

  function count() {
    const ended = keys.filter(isPast).length;
    note.textContent = texts.count(keys.length - ended, me.workspaceName);
    summary.textContent = texts.past(ended);
    rest.hidden = !ended;
  }

  function submit(event) {
    event.preventDefault();
    clearErrors(form);
    busy(save, add, (problem) => explain(form, problem));
  }

  async function add() {
    const given = [...new FormData(form)].filter(([, value]) => value);
    const { key: secret, ...key } = (await api.post("/v1/keys", { owner: me.workspace, ...Object.fromEntries(given) })).body;
    const copy = copyButton(() => secret, { class: null });
    const once = texts.once(key.name);
    added.replaceChildren(make("div", { class: "grow" },
      make("p", { class: "row" }, make("code", { class: "grow" }, secret), copy), make("p", { class: "quiet" }, once)));
    added.hidden = adding.open = false;
    form.reset();
    keys.push(key);
    list.prepend(key.card = cardOf(key));
    count();
    say(once);
    copy.focus();
  }

  // Revokes the keys that fit. That of the pressed button comes first: its card gets the focus again, or the error.
  function revoke(key, fits, path, name) {
    const these = [key, ...keys.filter((each) => each !== key && fits(each) && !isPast(each))];
    const isOwn = these.some(({ id }) => id === me.key);
    if (isOwn && !confirm(texts.sure)) return;
    removeLater({ path, name, words: [texts.removing(name), texts.removed(name)], done }, ...these.map(({ card }) => card));

    function done() {
      keys.filter(fits).forEach(settle);
      if (isOwn && ownKey()?.includes(me.key)) keepOwnKey("");
    }
  }

  function settle(key) {
    key.card.remove();
    key.revokedAt ??= new Date();
    past.prepend(key.card = cardOf(key));
    count();
  }

  function cardOf(key) {
    const { id, name, person, role, scopes, createdAt, lastUsedAt, expiresAt, revokedAt } = key;
    const ended = isPast(key);
    const state = revokedAt ? "revoked" : ended ? "expired" : expiresAt ? "until" : "endless";
    const badge = (words) => make("span", { class: "badge" }, words);
    const facts = [person ? texts.personal(person) : texts.integration, texts.made(moment(createdAt)),
      lastUsedAt ? texts.used(moment(lastUsedAt)) : texts.unused, texts[state](moment(revokedAt ?? expiresAt))];
    const act = (words, work) => button(words, work, { "data-do": "remove" });
    return make("li", { class: ended ? "card ended" : "card" },
      make("div", { class: "actions" }, make("span", { class: "short" }, name), badge(role ?? scopes.join(", ")), id === me.key && badge(texts.own)),
      make("div", { class: "actions quiet" }, ...facts.map((words) => make("span", {}, words))),
      !ended && make("div", { class: "actions", role: "group", "aria-label": name },
        act(texts.revoke, () => revoke(key, (each) => each.id === id, pathOf(key), name)),
        person && act(texts.endAll(person), () => revoke(key, (each) => each.person === person, pathOfAll(key), texts.allOf(person)))),
      !ended && alertLine());
  }
}

function fields() {
  const line = (name, required) => make("input", { name, required, maxlength: 64, autocomplete: "off" });
  const controls = [line("name", true), line("person"), select(texts.expiries, { name: "expiresIn" })];
  const roles = Object.entries(texts.roles).map(([value, words]) => labelled(value, words, make("input", { type: "radio", name: "role", value, checked: value === "editor" }), "role"));
  return [...controls.map((control) => labelled(control.name, texts.fields[control.name], control)),
    make("fieldset", { class: "wide" }, make("legend", {}, texts.role), ...roles)];
}
