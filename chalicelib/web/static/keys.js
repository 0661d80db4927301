// What is in local storage: the user's API key, the manage key of each link created without one, and the domain chosen last.
const OWN = "key";
const OF_LINKS = "links"; // [[code, key], ...], the oldest first: an object would put codes of digits first
const memory = {}; // for browsers without local storage: lasts as long as this page

export const ownKey = () => read(OWN);

export const keptDomain = () => read("domain");

export const keepDomain = (host) => write("domain", host);

// "": remove it.
export function keepOwnKey(key) {
  write(OWN, key);
  dispatchEvent(new Event("keys"));
}

export const linkKeys = () => JSON.parse(read(OF_LINKS) || "[]");

export const keyOfLink = (code) => linkKeys().find(([known]) => known === code)?.[1];

export function keepKeysOfLinks(links) {
  const made = links.filter((link) => link.manageKey).map((link) => [link.code, link.manageKey]);
  write(OF_LINKS, JSON.stringify([...linkKeys(), ...made]));
}

export function forgetKeyOfLink(code) {
  write(OF_LINKS, JSON.stringify(linkKeys().filter(([known]) => known !== code)));
}

function read(name) {
  try {
    return localStorage.getItem(name);
  } catch {
    return memory[name];
  }
}

function write(name, value) {
  try {
    localStorage.setItem(name, value);
  } catch {
    memory[name] = value;
  }
}
