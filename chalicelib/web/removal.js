// Removing with a way back: nothing is sent for some seconds; who leaves the page before has meant it.
import { api } from "./api.js";
import { button, make, say, withoutScheme } from "./dom.js";
import { forgetKeyOfLink } from "./keys.js";
import { text } from "./texts.js";

const SECONDS = 6;
const waiting = new Map();

addEventListener("pagehide", () => waiting.forEach((removal) => removal.send(true)));

export const isBeingRemoved = (code) => waiting.has(code);

export function removeLater(link, card) {
  const short = withoutScheme(link.shortUrl);
  const place = make("li", { hidden: true });
  const left = make("span", { "aria-hidden": "true" });
  const undo = button("", back, { id: `undo-${link.code}` });
  undo.append(text("undo"), left);
  const bar = make("div", { class: "bar", role: "group", "aria-label": text("removing", { short }) },
    make("span", { class: "grow" }, text("removing", { short })), undo);
  let seconds = SECONDS;
  card.replaceWith(place);
  document.getElementById("bars").append(bar);
  say(text("removingSaid", { short, seconds }));
  undo.focus();
  count();
  const timer = setInterval(() => (--seconds ? count() : send()), 1000);
  waiting.set(link.code, { send });

  function count() {
    left.textContent = ` (${seconds})`;
  }

  function end() {
    clearInterval(timer);
    waiting.delete(link.code);
    const hadFocus = bar.contains(document.activeElement);
    bar.remove();
    return hadFocus;
  }

  function back() {
    end();
    place.replaceWith(card);
    card.querySelector("[data-do=remove]").focus();
    say(text("isBack", { short }));
  }

  async function send(isLeaving = false) {
    if (end()) (place.nextElementSibling?.querySelector("a") ?? document.getElementById("main")).focus();
    try {
      await api.remove(`/links/${encodeURIComponent(link.code)}`, { keepalive: isLeaving });
      forgetKeyOfLink(link.code);
      place.remove();
      say(text("removed", { short }));
    } catch (problem) {
      if (problem.status === 404) return place.remove();
      place.replaceWith(card);
      const wrong = card.querySelector(".card-error");
      wrong.textContent = problem.detail;
      wrong.hidden = false;
    }
    return undefined;
  }
}
