// The keys this browser keeps: the API key of its user, and the key of each link that was made without one.
const OWN = "key";
const OF_LINKS = "links"; // [[code, key], ...], the oldest first: an object would put codes of digits first

export const ownKey = () => read(OWN) || null;

export function keepOwnKey(key) {
  write(OWN, key);
}

export function forgetOwnKey() {
  write(OWN, null);
}

export function linkKeys() {
  try {
    return JSON.parse(read(OF_LINKS)) ?? [];
  } catch {
    return [];
  }
}

export const keyOfLink = (code) => linkKeys().find(([known]) => known === code)?.[1];

export function keepKeysOfLinks(links) {
  const made = links.filter((link) => link.manageKey).map((link) => [link.code, link.manageKey]);
  if (made.length) write(OF_LINKS, JSON.stringify([...linkKeys(), ...made]));
}

export function forgetKeyOfLink(code) {
  write(OF_LINKS, JSON.stringify(linkKeys().filter(([known]) => known !== code)));
}

// A browser that keeps nothing throws; then links are made all the same, and only this page knows their keys.
const memory = {};

function read(name) {
  try {
    return localStorage.getItem(name);
  } catch {
    return memory[name] ?? null;
  }
}

function write(name, value) {
  try {
    if (value === null) localStorage.removeItem(name);
    else localStorage.setItem(name, value);
  } catch {
    memory[name] = value;
  }
  dispatchEvent(new Event("keys"));
}
