// Who is sent elsewhere: one row for each rule, the first that holds leads on.
import { button, make, select, text } from "./dom.js";
import { labelled, listOf, numberOf, withScheme } from "./fields.js";

const DEVICES = ["mobile", "tablet", "desktop", "ios", "android", "windows", "macos", "linux"];
const CONDITIONS = ["device", "country", "language"];
let made = 0;

export function rulesEditor(prefix, { rules = [] }) {
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
  const id = `rule${++made}`;
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
      const conditions = { ...rule.if }; // others, which only the API shows, stay
      for (const name of CONDITIONS) conditions[name] = controls[name].value.trim() ? listOf(controls[name].value) : undefined;
      return { if: conditions, weight: numberOf(controls.weight.value.trim()), url: withScheme(controls.url.value.trim()) };
    },
  };
}

function deviceSelect(given) {
  const names = Object.fromEntries(["", ...DEVICES, given].map((value) => [value, value || text("deviceAny")]));
  return Object.assign(select(names), { value: given });
}
