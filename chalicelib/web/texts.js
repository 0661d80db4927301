// Every text of the page but those of its first paint, which are in home.html.
const TEXTS = {
  add: "Add a rule",
  addKey: "API key",
  aliasChecking: "Looking …",
  aliasFree: "{alias} is free.",
  aliasTaken: "{alias} is taken.",
  unreachable: "The service cannot be reached. Please check your connection and try again.",
  answered: "The service answered {status}.",
};

const plural = new Intl.PluralRules("en");

// A text that depends on a number is a pair: of one, of another; `count` decides.
export function text(name, values = {}) {
  const found = TEXTS[name];
  const chosen = Array.isArray(found) ? found[plural.select(values.count) === "one" ? 0 : 1] : found;
  return chosen.replace(/\{(\w+)\}/g, (_, value) => shown(values[value]));
}

function shown(value) {
  return typeof value === "number" ? value.toLocaleString() : value;
}
