// The links of the API key, then those created in this browser without one: search, change and delete.
import { api, pathOf, takesFiles } from "./api.js";
import { alertLine, busy, button, labelled, later, make, tell, text } from "./dom.js";
import { forgetKeyOfLink, linkKeys, ownKey } from "./keys.js";
import { linkCard } from "./link-card.js";
import { load as loaded } from "./page.js";
import { isBeingRemoved } from "./removal.js";
import { domainField } from "./workspace.js";

const PAGE = 20;
const domain = domainField("of-domain", text("allDomains"));

export function show(main) {
  const search = make("input", { type: "search", input: later(begin) });
  const tag = make("input", { autocomplete: "off", input: later(begin) });
  const list = make("ul", { class: "links", id: "links" });
  const note = make("p", { class: "quiet", role: "status" });
  const wrong = alertLine();
  const more = button("", () => load(), { id: "more", hidden: true });
  const save = button(text("export"), () => busy(save, exportAll, fail));
  const sight = new IntersectionObserver(([{ isIntersecting }]) => isIntersecting && load(), { rootMargin: "400px" });
  let next, turn = 0, seen, isLoading = false;

  main.replaceChildren(make("h1", {}, text("myLinks")),
    make("div", { class: "grid", role: "search" }, labelled("q", text("search"), search), labelled("tag", text("tag"), tag), domain.node),
    make("div", { class: "actions wide" }, note, save), wrong, list, more);
  domain.node.onchange = begin;
  addEventListener("keys", begin);
  begin();
  return () => {
    turn = -1;
    sight.disconnect();
    removeEventListener("keys", begin);
  };

  function begin() {
    turn++;
    seen = 0;
    isLoading = false;
    save.hidden = !takesFiles();
    next = pagesOf({ q: search.value.trim(), tag: tag.value.trim(), ...domain.values() });
    list.replaceChildren();
    note.textContent = text("looking", { count: seen });
    load();
  }

  async function load() {
    if (isLoading) return;
    const mine = turn;
    isLoading = true;
    sight.disconnect();
    tell(wrong, "");
    try {
      const page = await next();
      if (mine === turn) add(page);
    } catch (problem) {
      if (mine !== turn) return;
      fail(problem);
      more.hidden = false;
      more.textContent = text("again");
    }
    if (mine === turn) isLoading = false;
  }

  function add({ data, lookedAt, next: hasMore }) {
    list.append(...data.filter((link) => !isBeingRemoved(pathOf(link))).map((link) => linkCard(link, filterBy)));
    seen += lookedAt;
    const count = list.children.length;
    more.hidden = !hasMore;
    more.textContent = text("more");
    if (hasMore) sight.observe(more);
    const none = hasMore ? "looking" : search.value || tag.value || domain.values().domain ? "noneFound" : "noneHere";
    note.textContent = text(!count ? none : hasMore ? "linksSoFar" : "linksCount", { count: count || seen });
  }

  function fail({ detail }) {
    note.textContent = "";
    tell(wrong, detail);
  }

  async function exportAll() {
    tell(wrong, "");
    note.textContent = text("exporting");
    note.textContent = text("exported", { count: await (await loaded("files")).exportLinks() });
  }

  function filterBy(name) {
    tag.value = name;
    tag.focus();
    begin();
  }
}

// Returns a function that returns the next page, {data, lookedAt, next} as in the API; it may be called again after an error.
function pagesOf(filter) {
  const kinds = [ownKey() && pagesOfKey(filter), pagesOfBrowser(filter)].filter(Boolean);
  return async () => {
    const page = await kinds[0]();
    if (!page.next) kinds.shift();
    return { ...page, next: kinds.length };
  };
}

function pagesOfKey(filter) {
  const query = new URLSearchParams({ limit: PAGE, ...filter });
  return async () => {
    const { body } = await api.get(`/links?${query}`);
    query.set("cursor", body.next);
    return body;
  };
}

function pagesOfBrowser({ q, tag, domain: host }) {
  const codes = linkKeys().map(([code]) => code).reverse();
  const fits = (link) => link && (!tag || link.tags.includes(tag)) && (!host || link.domain === host)
    && [link.url, link.title, link.code].join("\n").toLowerCase().includes(q.toLowerCase());
  return async () => {
    const links = await Promise.all(codes.slice(0, PAGE).map(linkHere));
    codes.splice(0, PAGE);
    return { data: links.filter(fits), lookedAt: links.length, next: codes.length };
  };
}

// The key of a deleted link is removed.
async function linkHere(code) {
  try {
    return (await api.get(`/links/${code}`)).body;
  } catch (problem) {
    if (problem.status !== 404) throw problem;
    return forgetKeyOfLink(code);
  }
}
