// Asks for the API key, which stays in this browser, and forgets it.
import { button, make } from "./dom.js";
import { forgetOwnKey, keepOwnKey, ownKey } from "./keys.js";
import { text } from "./texts.js";

// Returns whether to try again: there is another key now, or none any more. `why` is what the service said.
export function askForKey(why = "") {
  return new Promise((resolve) => {
    const before = document.activeElement;
    let isOther = false;
    const done = (change) => {
      change();
      isOther = true;
      dialog.close();
    };
    const input = make("input", {
      id: "key", type: "password", autocomplete: "off", spellcheck: "false", placeholder: "sk_…", "aria-describedby": "key-why key-hint",
    });
    const form = make("form", { novalidate: true },
      make("h2", { id: "key-title" }, text("keyTitle")),
      make("p", { id: "key-why", class: "error", role: "alert", hidden: !why }, why),
      make("label", { for: "key" }, text("key")),
      input,
      make("p", { id: "key-hint", class: "quiet" }, text(ownKey() ? "keyKept" : "keyHint")),
      make("div", { class: "actions" },
        make("button", { type: "submit" }, text("keyKeep")),
        ownKey() && button(text("keyForget"), () => done(forgetOwnKey), { class: "plain", id: "forget-key" }),
        button(text("cancel"), () => dialog.close(), { class: "plain" })));
    const dialog = make("dialog", { id: "key-dialog", "aria-labelledby": "key-title" }, form);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const key = input.value.trim();
      if (key) done(() => keepOwnKey(key));
      else input.focus();
    });
    dialog.addEventListener("close", () => {
      dialog.remove();
      before?.focus();
      resolve(isOther);
    });
    document.body.append(dialog);
    dialog.showModal();
    input.focus();
  });
}
