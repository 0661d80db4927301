// The dialog that stores the API key in this browser, or removes it.
import { button, make, text } from "./dom.js";
import { keepOwnKey, ownKey } from "./keys.js";

// Returns whether to retry: the key was replaced or removed. `why` is the service's message.
export function askForKey(why = "") {
  return new Promise((resolve) => {
    const before = document.activeElement;
    const input = make("input", { id: "key", type: "password", required: true, autocomplete: "off", "aria-describedby": "key-why key-hint" });
    const forget = ownKey() && button(text("keyForget"), () => done(""));
    const form = make("form", { submit: (event) => { event.preventDefault(); done(input.value.trim()); } },
      make("p", { id: "key-why", class: "error", role: "alert" }, why),
      make("label", { for: "key" }, text("key")), input,
      make("p", { id: "key-hint", class: "quiet" }, text(forget ? "keyKept" : "keyHint")),
      make("div", { class: "actions" }, make("button", {}, text("keyKeep")), forget, button(text("cancel"), () => dialog.close())));
    const dialog = make("dialog", { class: "card", "aria-label": text("key"), close: () => { dialog.remove(); before?.focus(); resolve(false); } }, form);
    const done = (key) => {
      keepOwnKey(key);
      resolve(true);
      dialog.close();
    };
    document.body.append(dialog);
    dialog.showModal();
    input.focus();
  });
}
