// The fields of a link or a domain, for creating and changing one: their inputs, values and errors.
import { alertLine, busy, button, choices, labelled, make, select, tell, text } from "./dom.js";

const orNull = (value) => value || null;
const plain = { autocapitalize: "none", spellcheck: "false" };
const address = [{ type: "url", ...plain }, (value) => orNull(withScheme(value))];
const INPUTS = {
  url: [{ type: "url", ...plain }, withScheme],
  bareUrl: address,
  unknownUrl: address,
  endedUrl: address,
  workspaces: [plain, listOf],
  alias: [{ maxlength: 64, ...plain }, orNull],
  title: [{ maxlength: 255 }, orNull],
  tags: [{}, listOf],
  maxVisits: [{ inputmode: "numeric" }, numberOf],
};
const DEVICES = ["mobile", "tablet", "desktop", "ios", "android", "windows", "macos", "linux"];
const CONDITIONS = ["device", "country", "language"];
const OTHERS = { expires, password, rules };
let rulesMade = 0;

// Returns {nodes, values()}; ids begin with `prefix`. Empty fields have the value that clears them.
export function linkFields(prefix, names, link = { enabled: true }) {
  const parts = names.map((name) => (OTHERS[name] ?? (INPUTS[name] ? input : check))(prefix, link, name));
  return { nodes: parts.map((part) => part.node), values: () => Object.assign({}, ...parts.map((part) => part.values())) };
}

// A form that changes `link`: `send` gets the fields with new values, `refuse` the form and the error; Escape does `close`, too.
export function changeForm(prefix, names, link, { send, close, refuse = explain }) {
  const fields = linkFields(prefix, names, link);
  const before = fields.values();
  const save = make("button", {}, text("save"));
  const form = make("form", { class: "wide", novalidate: true, keydown: ({ key }) => key === "Escape" && close(), submit },
    make("div", { class: "grid" }, ...fields.nodes),
    alertLine({ class: "error form-error" }),
    make("div", { class: "actions" }, save, button(text("cancel"), close)));
  return form;

  function submit(event) {
    event.preventDefault();
    clearErrors(form);
    const isNew = ([name, value]) => JSON.stringify(before[name]) !== JSON.stringify(value);
    const changes = Object.fromEntries(Object.entries(fields.values()).filter(isNew));
    busy(save, () => send(changes), (problem) => refuse(form, problem));
  }
}

function input(prefix, link, name) {
  const [attributes, read] = INPUTS[name];
  const value = [link[name]].flat().join(", ");
  const control = make("input", { autocomplete: "off", value, ...attributes });
  return { node: labelled(prefix + name, text(name), control, name), values: () => ({ [name]: read(control.value.trim()) }) };
}

export function check(prefix, link, name) {
  const control = make("input", { type: "checkbox", checked: link[name] });
  return { node: labelled(prefix + name, text(name), control, name), values: () => ({ [name]: control.checked || (name in link ? false : null) }) };
}

function expires(prefix, { expiresAt }) {
  const choice = select(choices.expires, { change: () => { date.hidden = choice.value !== "date"; } });
  const date = make("input", {
    type: "datetime-local", id: `${prefix}expiresAt`, hidden: !expiresAt, value: expiresAt && localTime(expiresAt),
    "aria-label": choices.expires.date, "aria-describedby": `${prefix}expires-error`, "data-field": "expiresAt",
  });
  if (expiresAt) choice.value = "date";
  const values = () => {
    if (choice.value === "date") return { expiresAt: date.value && new Date(date.value).toISOString() };
    return choice.value ? { expiresIn: choice.value } : { expiresAt: null };
  };
  return { node: labelled(`${prefix}expires`, text("expires"), choice, "expiresIn", date), values };
}

// A password is never shown: an empty field leaves it as it is.
function password(prefix, link) {
  const control = make("input", { type: "password", autocomplete: "new-password", maxlength: 128 });
  const none = link.protected && check(prefix, {}, "noPassword");
  const node = labelled(`${prefix}password`, text(none ? "newPassword" : "password"), control, "password", none?.node);
  const isNone = () => none && none.values().noPassword;
  return { node, values: () => (isNone() ? { password: null } : control.value ? { password: control.value } : {}) };
}

// The rules: one row each; the first rule that matches decides the target.
function rules(prefix, { rules = [] }) {
  const list = make("div");
  const rows = [];
  const number = () => rows.forEach((row, place) => row.number(place));
  const add = (rule) => {
    const row = ruleRow(rule, () => {
      rows.splice(rows.indexOf(row), 1);
      row.node.remove();
      number();
      more.focus();
    });
    rows.push(row);
    list.append(row.node);
    number();
    return row;
  };
  const more = button(text("ruleAdd"), () => add({}).focus(), { id: `${prefix}add-rule` });
  rules.forEach(add);
  const node = make("fieldset", { class: "wide" }, make("legend", {}, text("rules")), list, more);
  return { node, values: () => ({ rules: rows.map((row) => row.value()) }) };
}

function ruleRow(rule, remove) {
  const id = `rule${++rulesMade}`;
  const given = (name) => [].concat(rule.if?.[name] ?? []).join(", ");
  const controls = {
    device: deviceSelect(given("device")),
    country: make("input", { value: given("country"), placeholder: "PT, BR" }),
    language: make("input", { value: given("language") }),
    weight: make("input", { value: rule.weight, inputmode: "numeric" }),
    url: make("input", { value: rule.url, type: "url" }),
  };
  const fields = Object.entries(controls).map(([name, control]) => labelled(`${id}-${name}`, text(`rule_${name}`), control, name));
  const legend = make("legend");
  return {
    node: make("fieldset", { class: "rule grid" }, legend, ...fields, button(text("ruleRemove"), remove)),
    focus: () => controls.device.focus(),
    number(place) {
      legend.textContent = text("rule", { number: place + 1 });
      for (const [name, control] of Object.entries(controls)) {
        control.dataset.field = `rules[${place}].${CONDITIONS.includes(name) ? "if." : ""}${name}`;
      }
    },
    value() {
      const conditions = { ...rule.if }; // keep conditions that only the API shows
      for (const name of CONDITIONS) conditions[name] = controls[name].value.trim() ? listOf(controls[name].value) : undefined;
      return { if: conditions, weight: numberOf(controls.weight.value.trim()), url: withScheme(controls.url.value.trim()) };
    },
  };
}

function deviceSelect(given) {
  const names = Object.fromEntries(["", ...DEVICES, given].map((value) => [value, value || text("deviceAny")]));
  return Object.assign(select(names), { value: given });
}

export function withScheme(url) {
  return url && !/^[a-z][a-z0-9+.-]*:/i.test(url) ? `https://${url}` : url;
}

function listOf(value) {
  return value.split(",").map((each) => each.trim()).filter(Boolean);
}

// Text that is not a number is sent as it is: the service answers with the error.
function numberOf(value) {
  return /^\d+$/.test(value) ? Number(value) : orNull(value);
}

function localTime(time) {
  const date = new Date(time);
  return new Date(date - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

// Shows each error at its field, the others below the form, and focuses the first.
export function explain(form, { errors = [], detail }) {
  clearErrors(form);
  const others = errors.filter((error) => !mark(form, error)).map((error) => error.message);
  const first = form.querySelector("[aria-invalid]");
  if (!first || others.length) showError(form, others.join(" ") || detail);
  first?.closest("details")?.setAttribute("open", "");
  first?.focus();
}

// An error of a whole list is shown at the first field of it.
function mark(form, { field, message }) {
  const named = (how) => form.querySelector(`[data-field${how}="${CSS.escape(field)}"]:not([hidden])`);
  const control = named("") ?? named("^");
  if (!control) return false;
  control.ariaInvalid = "true";
  tell(document.getElementById(control.getAttribute("aria-describedby")), message);
  return true;
}

export function clearErrors(form) {
  for (const place of form.querySelectorAll(".error")) tell(place, "");
  for (const control of form.querySelectorAll("[aria-invalid]")) control.ariaInvalid = null;
}

export function showError(form, message) {
  tell(form.querySelector(".form-error"), message);
}
