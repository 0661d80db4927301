// The links of a key, then those that this browser made without one: to find, to change, and to take away.
import { api, takesFiles } from "./api.js";
import { alertLine, busy, button, later, make, tell, text } from "./dom.js";
import { labelled } from "./fields.js";
import { forgetKeyOfLink, linkKeys, ownKey } from "./keys.js";
import { linkCard } from "./link-card.js";
import { load as loaded } from "./page.js";
import { isBeingRemoved } from "./removal.js";

const PAGE = 20;
const MOST_EMPTY = 5; // pages in a row with nothing that fits; then a person decides whether to go on

export function show(main) {
  const search = make("input", { type: "search", input: later(begin) });
  const tag = make("input", { autocomplete: "off", input: later(begin) });
  const list = make("ul", { class: "links", id: "links" });
  const note = make("p", { class: "quiet", role: "status" });
  const wrong = alertLine();
  const more = button("", () => load(), { id: "more", hidden: true });
  const save = button(text("export"), () => busy(save, exportAll, ({ detail }) => { note.textContent = ""; tell(wrong, detail); }));
  const sight = new IntersectionObserver(([seen]) => seen.isIntersecting && empty < MOST_EMPTY && load(), { rootMargin: "400px" });
  let next, turn = 0, empty = 0, isLoading = false;

  main.replaceChildren(make("h1", {}, text("myLinks")),
    make("div", { class: "grid", role: "search" }, labelled("q", text("search"), search), labelled("tag", text("tag"), tag)),
    make("div", { class: "actions wide" }, note, save), wrong, list, more);
  addEventListener("keys", begin);
  begin();
  return () => {
    turn = -1;
    sight.disconnect();
    removeEventListener("keys", begin);
  };

  function begin() {
    turn++;
    empty = 0;
    isLoading = false;
    save.hidden = !takesFiles();
    next = pagesOf({ q: search.value.trim(), tag: tag.value.trim() });
    list.replaceChildren();
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
      if (mine === turn) fail(problem);
    }
    if (mine === turn) isLoading = false;
  }

  function add({ links, isLast }) {
    list.append(...links.filter((link) => !isBeingRemoved(link.code)).map((link) => linkCard(link, filterBy)));
    empty = links.length ? 0 : empty + 1;
    more.hidden = isLast;
    more.textContent = text("more");
    if (!isLast) sight.observe(more);
    const count = list.children.length;
    const none = search.value || tag.value ? "noneFound" : "noneHere";
    note.textContent = text(!isLast ? "linksSoFar" : count ? "linksCount" : none, { count });
  }

  function fail(problem) {
    tell(wrong, problem.detail);
    more.hidden = false;
    more.textContent = text("again");
  }

  async function exportAll() {
    tell(wrong, "");
    note.textContent = text("exporting");
    note.textContent = text("exported", { count: await (await loaded("files")).exportLinks() });
  }

  function filterBy(wanted) {
    tag.value = wanted;
    tag.focus();
    begin();
  }
}

// Returns what returns the next page, {links, isLast}, and may be called again after it threw.
function pagesOf(wanted) {
  const kinds = [ownKey() && pagesOfKey(wanted), pagesOfBrowser(wanted)].filter(Boolean);
  return async () => {
    const { links, isLast } = await kinds[0]();
    if (isLast) kinds.shift();
    return { links, isLast: !kinds.length };
  };
}

function pagesOfKey({ q, tag }) {
  const query = new URLSearchParams({ limit: PAGE, q, tag });
  return async () => {
    const { body } = await api.get(`/links?${query}`);
    query.set("cursor", body.next);
    return { links: body.data, isLast: !body.next };
  };
}

function pagesOfBrowser({ q, tag }) {
  const codes = linkKeys().map(([code]) => code).reverse();
  const fits = (link) => link && (!tag || link.tags.includes(tag))
    && [link.url, link.title ?? "", link.code].some((each) => each.toLowerCase().includes(q.toLowerCase()));
  return async () => {
    const links = await Promise.all(codes.slice(0, PAGE).map(linkHere));
    codes.splice(0, PAGE);
    return { links: links.filter(fits), isLast: !codes.length };
  };
}

// A link that is gone is forgotten.
async function linkHere(code) {
  try {
    return (await api.get(`/links/${encodeURIComponent(code)}`)).body;
  } catch (problem) {
    if (problem.status !== 404) throw problem;
    return forgetKeyOfLink(code);
  }
}
