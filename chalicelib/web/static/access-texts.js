// The texts of the keys.
export const texts = {
  title: "Keys",
  count: (count, workspace) => `Keys of ${workspace}: ${count}`,
  past: (count) => `Revoked or expired: ${count}`,
  personal: (person) => `for ${person}`,
  integration: "integration",
  own: "used by this page",
  made: (time) => `made ${time}`,
  used: (time) => `last used ${time}`,
  unused: "never used",
  endless: () => "never expires",
  until: (time) => `until ${time}`,
  expired: (time) => `expired ${time}`,
  revoked: (time) => `revoked ${time}`,

  revoke: "Revoke",
  endAll: (person) => `End all keys of ${person}`,
  allOf: (person) => `All keys of ${person}`,
  removing: (name) => `To be revoked: ${name}`,
  removed: (name) => `Revoked: ${name}`,
  sure: "This page uses this key and will ask for another. Revoke it?",

  add: "Make a key",
  fields: {
    name: "Name",
    person: "Person (none: an integration)",
    expiresIn: "Works for",
  },
  expiries: { "": "ever", "30d": "30 days", "90d": "90 days", "52w": "a year" },
  role: "Role",
  roles: {
    viewer: "Viewer: sees links and their statistics.",
    editor: "Editor: also makes, changes and deletes links.",
    admin: "Admin: also makes and revokes keys and changes the workspace.",
  },
  once: (name) => `${name} was made. Copy it now: it will not be shown again.`,
};
