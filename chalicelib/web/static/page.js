// The shell: shows the view of the address, and what all views share. Views are loaded when they are opened.
const [main, form, failed, skip, keys] = ["main", "shorten", "failed", "skip", "key-button"].map((id) => document.getElementById(id));
const home = [...main.childNodes];
const VIEWS = ["links", "bulk", "stats", "access", "domains"];
let leave, turn = 0;

addEventListener("hashchange", () => open(true));
open(false);
load("workspace");

// Enter may be pressed before the view has loaded.
form.addEventListener("submit", async (event) => {
  event.preventDefault();
  (await load("shorten")).submit();
});

// This address would not be a view's.
skip.addEventListener("click", (event) => {
  event.preventDefault();
  main.focus();
});

keys.addEventListener("click", async () => (await load("key-dialog")).askForKey());

async function open(isMove) {
  const [, name, code, domain] = location.hash.split("/");
  const view = VIEWS.includes(name) ? name : "";
  const mine = ++turn;
  leave?.();
  leave = null;
  markCurrent(view);
  // The form of the loaded page stays in place, and keeps focus and input.
  if (view || !form.isConnected) main.replaceChildren(...(view ? [] : home));
  const module = await load(view || "shorten");
  if (mine !== turn) return undefined;
  const shown = module.show(main, code, domain);
  arrive(isMove);
  const left = await shown;
  if (mine !== turn) return left?.();
  leave = left;
  return arrive(isMove);
}

export async function load(name) {
  try {
    const module = await import(`./${name}.js`);
    failed.hidden = true;
    return module;
  } catch (error) {
    failed.hidden = false;
    throw error;
  }
}

function markCurrent(view) {
  for (const link of document.querySelectorAll("nav a")) {
    link.ariaCurrent = link.hash === `#/${view}` ? "page" : null;
  }
}

// As after loading a page: a new title, and the focus at the heading or the first field.
function arrive(isMove) {
  const heading = main.querySelector("h1");
  if (!heading) return;
  document.title = `${heading.textContent} · ${document.body.dataset.host}`;
  if (!isMove || main.contains(document.activeElement)) return;
  heading.tabIndex = -1;
  (main.querySelector("[autofocus]") ?? heading).focus();
}
