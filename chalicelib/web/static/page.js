// The shell: which view the address names, and whatever belongs to all of them. Views are loaded when they are opened.
const main = document.getElementById("main");
const form = document.getElementById("shorten");
const failed = document.getElementById("failed");
const home = [...main.childNodes];
const VIEWS = ["links", "bulk", "stats"];
let leave = null;
let turn = 0;

addEventListener("hashchange", () => open(true));
open(false);

// Enter may be pressed before the view is there.
form.addEventListener("submit", async (event) => {
  event.preventDefault();
  (await load("shorten")).submit();
});

// The address would be that of no view.
document.getElementById("skip").addEventListener("click", (event) => {
  event.preventDefault();
  main.focus();
});

document.getElementById("key-button").addEventListener("click", async () => (await load("key-dialog")).askForKey());

async function open(isMove) {
  const [, name, code = ""] = location.hash.split("/");
  const view = VIEWS.includes(name) ? name : "";
  const mine = ++turn;
  leave?.();
  leave = null;
  markCurrent(view);
  // The form that came with the page stays where it is, and whoever types in it.
  if (view || !form.isConnected) main.replaceChildren(...(view ? [] : home));
  const module = await load(view || "shorten");
  if (mine !== turn) return undefined;
  const shown = module.show(main, decoded(code));
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

function decoded(code) {
  try {
    return decodeURIComponent(code) || null;
  } catch {
    return code;
  }
}

function markCurrent(view) {
  for (const link of document.querySelectorAll("nav a")) {
    link.ariaCurrent = link.hash === `#/${view}` ? "page" : null;
  }
}

// As after loading a page: a new title, and reading goes on at the heading, or at the first field.
function arrive(isMove) {
  const heading = main.querySelector("h1");
  if (!heading) return;
  document.title = `${heading.textContent} · ${document.body.dataset.host}`;
  if (!isMove || main.contains(document.activeElement)) return;
  heading.tabIndex = -1;
  (main.querySelector("[autofocus]") ?? heading).focus();
}
