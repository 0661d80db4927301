// The domains: what visitors meet there, and where what is no link leads; administrators of the installation change that.
import { api, statsOf } from "./api.js";
import { addressLink, alertLine, make, moment, say, tell, text } from "./dom.js";
import { texts } from "./domains-texts.js";
import { changeForm } from "./fields.js";
import { firstOfEach } from "./workspace.js";

const SETTINGS = ["unknownUrl", "endedUrl", "bareUrl", "workspaces"];

export function show(main) {
  const wrong = alertLine();
  const list = make("ul", { class: "links" });
  let turn = 0;
  main.replaceChildren(make("h1", {}, texts.title), wrong, list);
  addEventListener("keys", begin);
  begin();
  return () => {
    turn = -1;
    removeEventListener("keys", begin);
  };

  async function begin() {
    const mine = ++turn;
    list.replaceChildren();
    tell(wrong, "");
    try {
      const { data } = (await api.get("/v1/domains")).body;
      if (mine === turn) list.append(...firstOfEach(data).map(domainCard));
    } catch ({ detail }) {
      if (mine === turn) tell(wrong, detail);
    }
  }
}

function domainCard({ host, hosts, isDefault, ignoresCase }) {
  const path = `/v1/domains/${host}`;
  const names = SETTINGS.slice(0, isDefault ? 2 : 4); // the bare address of the default is this page, and it is open to all
  const states = (isDefault ? [host] : hosts).flatMap((each) => fact(each, stateOf(each))); // the state of the default is that of its first host
  const facts = make("dl", {}, ...states);
  const changing = make("details", { hidden: true });
  const wrong = alertLine();
  api.get(path).then(({ body }) => draw(body), ({ detail }) => tell(wrong, detail));
  return make("li", { class: "card" },
    make("div", { class: "actions" }, make("span", { class: "short" }, host), isDefault && badge(texts.isDefault), ignoresCase && badge(texts.ignoresCase)),
    facts, changing, wrong);

  function draw(domain) {
    const { links, workspaces } = domain;
    const close = () => {
      changing.open = false;
      changing.firstChild.focus();
    };
    const send = async (changes) => {
      draw((await api.patch(path, changes)).body);
      say(text("saved"));
      close();
    };
    const shown = { workspaces: workspaces?.join(", ") || texts.nobody };
    facts.replaceChildren(...states,
      ...names.filter((name) => domain[name] || name !== "workspaces")
        .flatMap((name) => fact(text(name), shown[name] ?? (domain[name] ? addressLink(domain[name]) : texts.errorPage))),
      ...(isDefault ? [] : fact(texts.links, make("a", { href: statsOf({ code: "", domain: host }) }, text("linksCount", { count: links })))));
    changing.replaceChildren(make("summary", {}, texts.change(host)), changeForm(`${host}-`, names, domain, { send, close }));
    changing.hidden = !workspaces; // only those who may change it see them
  }
}

function fact(name, value) {
  return [make("dt", {}, name), make("dd", {}, value)];
}

function stateOf(host) {
  const place = make("span", { class: "actions" }, texts.looking);
  api.get(`/v1/domains/${host}/state`).then(({ body: { dns, certificate, certificateUntil, answers } }) => {
    const isThere = dns === "ok"; // of no name, nothing else is known
    place.replaceChildren(badge(texts.dns[dns], isThere), ...(isThere ? [
      badge(texts.certificate[certificate](moment(certificateUntil)), ["ok", "none"].includes(certificate)), badge(texts.answers[answers], answers)] : []));
  }, ({ detail }) => { place.textContent = detail; });
  return place;
}

function badge(words, isGood = true) {
  return make("span", { class: isGood ? "badge" : "badge off" }, words);
}
