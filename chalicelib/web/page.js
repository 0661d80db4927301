// The form: sends what was typed, shows the short link or, beside each field, what is wrong with it.
const root = document.body.dataset.root;
const form = document.getElementById("shorten");
const result = document.getElementById("result");
const copy = document.getElementById("copy");
const short = document.getElementById("short");
const KEY = "key"; // where the browser keeps the API key, once one was asked for
const FIELDS = ["url", "alias", "expiresIn", "unguessable"];

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  clearErrors();
  result.hidden = true;
  if (form.key.value.trim()) localStorage.setItem(KEY, form.key.value.trim());
  const button = form.querySelector("button");
  if (button.getAttribute("aria-busy") === "true") return;
  button.setAttribute("aria-busy", "true");
  try {
    show(await send(wish()));
  } catch (problem) {
    explain(problem);
  } finally {
    button.removeAttribute("aria-busy");
  }
});

copy.addEventListener("click", async () => {
  try {
    await navigator.clipboard.writeText(short.href);
    copy.textContent = "Copied";
  } catch {
    getSelection().selectAllChildren(short); // no clipboard without TLS: at least Ctrl-C works
    copy.textContent = "Press Ctrl-C";
  }
  setTimeout(() => { copy.textContent = "Copy"; }, 2000);
});

function wish() {
  const wanted = { url: form.url.value.trim() };
  if (wanted.url && !/^[a-z][a-z0-9+.-]*:/i.test(wanted.url)) wanted.url = `https://${wanted.url}`;
  if (form.alias.value.trim()) wanted.alias = form.alias.value.trim();
  if (form.expiresIn.value) wanted.expiresIn = form.expiresIn.value;
  if (form.unguessable.checked) wanted.unguessable = true;
  return wanted;
}

async function send(wanted) {
  const key = localStorage.getItem(KEY);
  let response;
  try {
    response = await fetch(`${root}/links`, {
      method: "POST",
      headers: {
        "Content-Type": "application/json",
        Accept: "application/json",
        ...(key ? { "X-Api-Key": key } : {}),
      },
      body: JSON.stringify(wanted),
    });
  } catch {
    throw { detail: "The service cannot be reached. Please check your connection and try again." };
  }
  const answer = await response.json().catch(() => ({ detail: `The service answered ${response.status}.` }));
  if (!response.ok) throw answer;
  return answer;
}

function show(link) {
  short.href = link.shortUrl;
  short.textContent = link.shortUrl.replace(/^https?:\/\//, "");
  const until = link.expiresAt ? ` · until ${new Date(link.expiresAt).toLocaleString()}` : "";
  document.getElementById("leads").textContent = `leads to ${link.url}${until}`;
  result.hidden = false;
  copy.focus();
}

function explain(problem) {
  if (problem.status === 401) {
    askForKey(problem.detail);
    return;
  }
  const known = (problem.errors ?? []).filter((error) => FIELDS.includes(error.field));
  for (const error of known) mark(error.field, error.message);
  if (known.length) {
    const field = form[known[0].field];
    field.closest("details")?.setAttribute("open", "");
    field.focus();
  } else {
    say("form-error", problem.detail ?? "Something went wrong. Please try again.");
  }
}

// Where links are not made without a key. One that was refused is forgotten.
function askForKey(why) {
  localStorage.removeItem(KEY);
  document.getElementById("key-field").hidden = false;
  mark("key", why);
  form.key.focus();
}

function mark(field, message) {
  form[field].setAttribute("aria-invalid", "true");
  say(`${field}-error`, message);
}

function say(id, message) {
  const place = document.getElementById(id);
  place.textContent = message;
  place.hidden = false;
}

function clearErrors() {
  for (const place of form.querySelectorAll(".error")) place.hidden = true;
  for (const field of [...FIELDS, "key"]) form[field].removeAttribute("aria-invalid");
}
