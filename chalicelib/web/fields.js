// The fields of a link, for who makes one and for who changes one: how they look, what they say, what is wrong with them.
import { make } from "./dom.js";
import { rulesEditor } from "./rules.js";
import { text } from "./texts.js";

const PRESETS = ["1h", "1d", "1w", "30d", "52w"];
const ON_A_DATE = "date";

// Returns {nodes, values()}; ids begin with `prefix`. Empty fields have the value that clears them.
export function linkFields(prefix, names, link = {}) {
  const parts = names.map((name) => BUILD[name](prefix, link, name));
  return {
    nodes: parts.map((part) => part.node),
    values: () => Object.assign({}, ...parts.map((part) => part.values())),
  };
}

export function labelled(id, words, control, { hint, field, extra } = {}) {
  const described = [hint && `${id}-hint`, `${id}-error`].filter(Boolean).join(" ");
  control.id = id;
  control.setAttribute("aria-describedby", described);
  control.dataset.field = field ?? id;
  return make("div", { class: "field" },
    make("label", { for: id }, words),
    control,
    extra,
    hint && make("p", { class: "quiet", id: `${id}-hint` }, hint),
    make("p", { class: "error", id: `${id}-error`, hidden: true }));
}

export function textInput(attributes = {}) {
  return make("input", { type: "text", autocomplete: "off", ...attributes });
}

const plainInput = (attributes) => textInput({ autocapitalize: "none", spellcheck: "false", ...attributes });

const words = (make_, read) => (prefix, link, name) => {
  const control = make_(link);
  const hint = `${name}Hint`;
  const node = labelled(prefix + name, text(name), control, { field: name, hint: text(hint) });
  return { node, values: () => ({ [name]: read(control.value.trim()) }) };
};

const check = (byDefault = false) => (prefix, link, name) => {
  const id = prefix + name;
  const control = make("input", {
    type: "checkbox", id, checked: link[name] ?? byDefault, "data-field": name, "aria-describedby": `${id}-error`,
  });
  const node = make("div", { class: "field check" },
    control, make("label", { for: id }, text(name)), make("p", { class: "error", id: `${id}-error`, hidden: true }));
  return { node, values: () => ({ [name]: control.checked }) };
};

const BUILD = {
  url: words((link) => plainInput({ type: "url", inputmode: "url", value: link.url }), withScheme),
  alias: words(() => plainInput({ maxlength: 64 }), (value) => value || null),
  title: words((link) => textInput({ maxlength: 255, value: link.title }), (value) => value || null),
  tags: words((link) => textInput({ value: link.tags?.join(", ") }), listOf),
  maxVisits: words((link) => textInput({ inputmode: "numeric", value: link.maxVisits }), numberOf),
  expires,
  password,
  confirm: check(),
  unguessable: check(),
  forwardQuery: check(),
  enabled: check(true),
  rules: (prefix, link) => rulesEditor(prefix, link.rules ?? []),
};

function expires(prefix, link) {
  const choice = make("select", {},
    make("option", { value: "" }, text("expiresNever")),
    ...PRESETS.map((preset) => make("option", { value: preset }, text(`expires${preset}`))),
    make("option", { value: ON_A_DATE }, text("expiresOn")));
  const date = make("input", { type: "datetime-local", id: `${prefix}expiresAt`, "aria-label": text("expiresAt") });
  date.hidden = !link.expiresAt;
  date.dataset.field = "expiresAt";
  date.setAttribute("aria-describedby", `${prefix}expires-error`);
  if (link.expiresAt) {
    choice.value = ON_A_DATE;
    date.value = localTime(link.expiresAt);
  }
  choice.addEventListener("change", () => { date.hidden = choice.value !== ON_A_DATE; });
  const node = labelled(`${prefix}expires`, text("expires"), choice, { field: "expiresIn", extra: date });
  const read = () => {
    if (choice.value === ON_A_DATE) return { expiresAt: date.value ? new Date(date.value).toISOString() : "" };
    return choice.value ? { expiresIn: choice.value } : { expiresAt: null };
  };
  return { node, values: read };
}

// What is kept of a password shows nothing: an empty field leaves it as it is.
function password(prefix, link) {
  const control = make("input", { type: "password", autocomplete: "new-password", maxlength: 128 });
  const hint = text(link.protected ? "passwordKept" : "passwordHint");
  const node = labelled(`${prefix}password`, text("password"), control, { field: "password", hint });
  const none = make("input", { type: "checkbox", id: `${prefix}noPassword` });
  if (link.protected) node.append(make("div", { class: "check" }, none, make("label", { for: none.id }, text("noPassword"))));
  return { node, values: () => (none.checked ? { password: null } : control.value ? { password: control.value } : {}) };
}

export function withScheme(url) {
  return url && !/^[a-z][a-z0-9+.-]*:/i.test(url) ? `https://${url}` : url;
}

export function listOf(value) {
  return value.split(",").map((each) => each.trim()).filter(Boolean);
}

// What is no number is sent as it is, and the service says what it expects.
export function numberOf(value) {
  return /^\d+$/.test(value) ? Number(value) : value || null;
}

function localTime(time) {
  const date = new Date(time);
  return new Date(date - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

// Shows each error at its field, the others below the form, and goes to the first.
export function explain(form, problem) {
  clearErrors(form);
  const others = [];
  for (const error of problem.errors ?? []) {
    const control = controlOf(form, error.field);
    if (control) mark(control, error.message);
    else others.push(error.message);
  }
  const marked = form.querySelector("[aria-invalid=true]");
  if (!marked || others.length) showError(form, others.join(" ") || problem.detail);
  for (let around = marked?.closest("details"); around; around = around.parentElement.closest("details")) around.open = true;
  marked?.focus();
}

export function clearErrors(form) {
  for (const place of form.querySelectorAll(".error")) {
    place.textContent = "";
    place.hidden = true;
  }
  for (const control of form.querySelectorAll("[aria-invalid]")) control.removeAttribute("aria-invalid");
}

export function showError(form, message) {
  const place = form.querySelector(".form-error");
  place.textContent = message;
  place.hidden = false;
}

function mark(control, message) {
  const place = control.form.querySelector(`#${CSS.escape(control.getAttribute("aria-describedby").split(" ").at(-1))}`);
  control.setAttribute("aria-invalid", "true");
  place.textContent = place.hidden ? message : `${place.textContent} ${message}`;
  place.hidden = false;
}

// An error of a whole list is shown at what it has first; one inside a field that is a single text, there.
function controlOf(form, field) {
  const controls = [...form.elements].filter((control) => control.dataset.field && !control.closest("[hidden]"));
  const named = (fits) => controls.find((control) => fits(control.dataset.field));
  return named((name) => name === field)
    ?? named((name) => name.startsWith(`${field}[`) || name.startsWith(`${field}.`))
    ?? named((name) => field.startsWith(`${name}[`) || field.startsWith(`${name}.`));
}
