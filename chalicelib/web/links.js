// The links of a key, or those that this browser made without one: to find, to change, and to take away.
import { api } from "./api.js";
import { button, later, make, say } from "./dom.js";
import { textInput } from "./fields.js";
import { forgetKeyOfLink, linkKeys, ownKey } from "./keys.js";
import { linkCard } from "./link-card.js";
import { isBeingRemoved } from "./removal.js";
import { text } from "./texts.js";

const PAGE = 20;
const MOST_EMPTY = 5; // pages in a row with nothing that is wanted; then a person decides whether to go on
const LOOK_AFTER = 300; // milliseconds without a key pressed

export function show(main) {
  const search = make("input", { type: "search", id: "q", autocomplete: "off", input: later(begin, LOOK_AFTER) });
  const tag = textInput({ id: "tag", list: "tags", input: later(begin, LOOK_AFTER) });
  const tags = make("datalist", { id: "tags" });
  const source = make("select", { id: "source", change: begin },
    make("option", { value: "key" }, text("sourceKey")), make("option", { value: "browser" }, text("sourceBrowser")));
  const list = make("ul", { class: "links", id: "links", "aria-label": text("myLinks") });
  const note = make("p", { class: "lead", id: "links-note", role: "status" });
  const wrong = make("p", { class: "error", id: "links-error", role: "alert", hidden: true });
  const more = button(text("more"), () => load(), { id: "more", class: "plain", hidden: true });
  const sight = new IntersectionObserver(([seen]) => seen.isIntersecting && load(true), { rootMargin: "400px" });
  const sourceField = field(source, text("source"));
  const known = new Set();
  let pages, turn = 0, empty = 0;

  const searchForm = make("form", { class: "filters", role: "search", submit: (event) => { event.preventDefault(); begin(); } },
    field(search, text("search")), field(tag, text("tagFilter")), sourceField, tags);
  main.replaceChildren(make("h1", {}, text("myLinks")), searchForm, note, wrong, list, make("p", { class: "actions" }, more));
  addEventListener("keys", followKeys);
  followKeys();
  return () => {
    turn++;
    sight.disconnect();
    removeEventListener("keys", followKeys);
  };

  function followKeys() {
    const both = Boolean(ownKey()) && linkKeys().length > 0;
    sourceField.hidden = !both;
    const now = `${ownKey()} ${both}`;
    if (list.dataset.keys !== now) begin();
    list.dataset.keys = now;
  }

  function begin() {
    turn++;
    empty = 0;
    const isOfKey = ownKey() && (sourceField.hidden || source.value === "key");
    pages = isOfKey ? pagesOfKey(search.value.trim(), tag.value.trim()) : pagesOfBrowser(search.value.trim(), tag.value.trim());
    list.replaceChildren();
    note.textContent = "";
    return load();
  }

  async function load(isBySight = false) {
    const mine = turn;
    if (list.dataset.turn === String(mine) || (isBySight && empty >= MOST_EMPTY)) return;
    list.dataset.turn = mine;
    sight.disconnect();
    wrong.hidden = true;
    list.setAttribute("aria-busy", "true");
    try {
      const page = await pages.next();
      if (mine === turn) add(page);
    } catch (problem) {
      if (mine === turn) fail(problem);
    }
    if (mine !== turn) return;
    delete list.dataset.turn;
    list.removeAttribute("aria-busy");
    if (!more.hidden && wrong.hidden) sight.observe(more);
  }

  function add({ links, isLast }) {
    const cards = links.filter((link) => !isBeingRemoved(link.code)).map((link) => linkCard(link, filterBy));
    list.append(...cards);
    learnTags(links);
    empty = links.length ? 0 : empty + 1;
    more.hidden = isLast;
    more.textContent = text("more");
    const count = list.children.length;
    if (!count) note.textContent = isLast ? text(emptyNote()) : text("searching");
    else note.textContent = text(isLast ? "linksCount" : "linksSoFar", { count });
  }

  function fail(problem) {
    wrong.textContent = problem.detail;
    wrong.hidden = false;
    more.hidden = false;
    more.textContent = text("again");
  }

  function emptyNote() {
    if (search.value.trim() || tag.value.trim()) return "noneFound";
    return ownKey() ? "noneYet" : "noneHere";
  }

  function learnTags(links) {
    for (const each of links.flatMap((link) => link.tags)) {
      if (!known.has(each)) tags.append(make("option", { value: each }));
      known.add(each);
    }
  }

  function filterBy(wanted) {
    tag.value = wanted;
    say(text("filtered", { tag: wanted }));
    tag.focus();
    begin();
  }
}

function field(control, words) {
  return make("div", { class: "field" }, make("label", { for: control.id }, words), control);
}

// Both kinds of pages: next() returns {links, isLast}, and after it threw it may be called again.
function pagesOfKey(q, tag) {
  let cursor = null;
  return {
    async next() {
      const query = new URLSearchParams({ limit: PAGE, ...(q && { q }), ...(tag && { tag }), ...(cursor && { cursor }) });
      const { body } = await api.get(`/links?${query}`);
      cursor = body.next;
      return { links: body.data, isLast: !cursor };
    },
  };
}

function pagesOfBrowser(q, tag) {
  const codes = linkKeys().map(([code]) => code).reverse();
  const wanted = q.toLowerCase();
  const fits = (link) => (!tag || link.tags.includes(tag))
    && [link.url, link.title ?? "", link.code].some((each) => each.toLowerCase().includes(wanted));
  let read = 0;
  return {
    async next() {
      const links = await Promise.all(codes.slice(read, read + PAGE).map(linkHere));
      read += PAGE;
      return { links: links.filter((link) => link && fits(link)), isLast: read >= codes.length };
    },
  };
}

// A link that is gone is forgotten; one that another key may see is not shown.
async function linkHere(code) {
  try {
    return (await api.get(`/links/${encodeURIComponent(code)}`)).body;
  } catch (problem) {
    if (problem.status !== 404) throw problem;
    forgetKeyOfLink(code);
    return null;
  }
}
