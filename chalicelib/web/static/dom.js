// Small building blocks of views. Users' input enters the page as text or as an attribute, never as markup.
import { choices, text } from "./texts.js";

export { choices, text };

export function make(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") node.addEventListener(name, value);
    else if ((value ?? false) !== false) node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.filter((child) => (child ?? false) !== false));
  return node;
}

// Of class "quiet", unless `attributes` have another class, or null.
export function button(words, click, attributes) {
  return make("button", { type: "button", class: "plain", click, ...attributes }, words);
}

// `names`: the label of each value.
export function select(names, attributes) {
  return make("select", attributes, ...Object.entries(names).map(([value, name]) => make("option", { value }, name)));
}

// A control with its label, and a place for its errors.
export function labelled(id, words, control, field = id, ...more) {
  Object.assign(control, { id }).setAttribute("aria-describedby", `${id}-error`);
  control.dataset.field = field;
  const label = make("label", { for: id }, words);
  const error = make("p", { class: "error", id: `${id}-error`, hidden: true });
  if (["checkbox", "radio"].includes(control.type)) return make("div", { class: "field check" }, control, label, error);
  return make("div", { class: "field" }, label, control, ...more, error);
}

export function headOf(titles) {
  return make("thead", {}, make("tr", {}, ...titles.map((title) => make("th", { scope: "col" }, title))));
}

// An empty error message, which screen readers announce too.
export function alertLine(attributes) {
  return make("p", { class: "error", role: "alert", hidden: true, ...attributes });
}

export function tell(place, words) {
  place.textContent = words;
  place.hidden = !words;
}

// Announces something to screen readers.
export function say(words) {
  document.getElementById("said").textContent = words;
}

export function copyButton(read, { words = text("copy"), ...attributes } = {}) {
  const copy = button(words, async () => {
    try {
      await navigator.clipboard.writeText(read());
      copy.textContent = text("copied");
      say(text("copied"));
      setTimeout(() => { copy.textContent = words; }, 2000);
    } catch {
      prompt(words, read()); // no clipboard without TLS: at least Ctrl-C works
    }
  }, attributes);
  return copy;
}

export function saveAs(name, blob) {
  const href = URL.createObjectURL(blob);
  make("a", { href, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(href), 10_000);
}

// Only http and https addresses become links.
export function addressLink(url, attributes) {
  const href = /^https?:/i.test(url) && url;
  return make("a", { href, rel: "noreferrer nofollow", ...attributes }, url);
}

export const withoutScheme = (url) => url.replace(/^https?:\/\//, "");

export const moment = (time) => new Date(time).toLocaleString("en", { dateStyle: "medium", timeStyle: "short" });

// Returns a debounced function: it runs once calls have stopped for a moment.
export function later(work) {
  let timer;
  return () => {
    clearTimeout(timer);
    timer = setTimeout(work, 300);
  };
}

// Ignores clicks on a button while `work` runs; the button keeps the focus. `fail` shows the error.
export async function busy(node, work, fail) {
  if (node.ariaBusy) return;
  node.ariaBusy = "true";
  try {
    await work();
  } catch (problem) {
    fail(problem);
  } finally {
    node.ariaBusy = null;
  }
}
