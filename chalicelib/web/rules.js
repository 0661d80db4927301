// Who is sent elsewhere: one row for each rule, the first that holds leads on.
import { button, make } from "./dom.js";
import { labelled, listOf, numberOf, textInput, withScheme } from "./fields.js";
import { text } from "./texts.js";

const DEVICES = ["mobile", "tablet", "desktop", "ios", "android", "windows", "macos", "linux"];
const SHOWN = ["device", "country", "language"];
let made = 0;

export function rulesEditor(prefix, rules) {
  const list = make("div", { class: "rules" });
  const rows = [];
  const number = () => rows.forEach((row, place) => row.number(place));
  const add = (rule) => {
    const row = ruleRow(prefix, rule, () => {
      const place = rows.indexOf(row);
      rows.splice(place, 1);
      row.node.remove();
      number();
      (rows[place] ?? rows[place - 1])?.focus() ?? more.focus();
    });
    rows.push(row);
    list.append(row.node);
    number();
    return row;
  };
  const more = button(text("ruleAdd"), () => add({ if: {} }).focus(), { class: "plain", id: `${prefix}add-rule` });
  rules.forEach(add);
  const node = make("fieldset", { class: "wide", id: `${prefix}rules` },
    make("legend", {}, text("rules")), make("p", { class: "quiet" }, text("rulesHint")), list, more);
  return { node, values: () => ({ rules: rows.map((row) => row.value()) }) };
}

function ruleRow(prefix, rule, remove) {
  const id = `${prefix}rule${++made}`;
  const given = Object.fromEntries(SHOWN.map((name) => [name, [].concat(rule.if?.[name] ?? []).join(", ")]));
  const controls = {
    device: deviceSelect(given.device),
    country: textInput({ value: given.country, placeholder: "PT, BR" }),
    language: textInput({ value: given.language, placeholder: "pt", autocapitalize: "none" }),
    weight: textInput({ value: rule.weight, inputmode: "numeric", placeholder: "100" }),
    url: textInput({ value: rule.url, type: "url", inputmode: "url", autocapitalize: "none", spellcheck: "false" }),
  };
  const others = Object.keys(rule.if ?? {}).filter((name) => !SHOWN.includes(name));
  const legend = make("legend", {});
  const node = make("fieldset", { class: "rule" },
    legend,
    ...Object.entries(controls).map(([name, control]) => labelled(`${id}-${name}`, text(`rule_${name}`), control)),
    others.length > 0 && make("p", { class: "quiet wide" }, text("ruleOthers", { names: others.join(", ") })),
    button(text("ruleRemove"), remove, { class: "plain" }));
  return {
    node,
    focus: () => (controls.device.focus(), true),
    number(place) {
      legend.textContent = text("rule", { number: place + 1 });
      for (const [name, control] of Object.entries(controls)) {
        control.dataset.field = `rules[${place}].${SHOWN.includes(name) ? "if." : ""}${name}`;
      }
    },
    value() {
      const conditions = { ...rule.if };
      for (const name of SHOWN) {
        const wanted = listOf(controls[name].value);
        if (wanted.length) conditions[name] = wanted;
        else delete conditions[name];
      }
      const weight = numberOf(controls.weight.value.trim());
      return { if: conditions, ...(weight !== null && { weight }), url: withScheme(controls.url.value.trim()) };
    },
  };
}

function deviceSelect(given) {
  const several = given && !DEVICES.includes(given) && make("option", { value: given }, given);
  const select = make("select", {},
    make("option", { value: "" }, text("deviceAny")), several,
    ...DEVICES.map((device) => make("option", { value: device }, text(`device_${device}`))));
  select.value = given;
  return select;
}
