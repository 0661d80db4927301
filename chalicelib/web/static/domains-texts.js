// The texts of the domains.
export const texts = {
  title: "Domains",
  isDefault: "default",
  ignoresCase: "ignores case",
  looking: "…",
  dns: { ok: "name found", missing: "no such name" },
  certificate: {
    ok: (time) => `certificate until ${time}`,
    invalid: () => "certificate not valid",
    none: () => "no certificate",
    unknown: () => "certificate not seen",
  },
  answers: { true: "answers", false: "does not answer" },
  links: "Links",
  errorPage: "an error page",
  nobody: "none",
  change: (host) => `Change ${host}`,
};
