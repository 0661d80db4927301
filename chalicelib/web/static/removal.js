// Deletion with undo: the request is sent after some seconds, or when the page is left.
import { api } from "./api.js";
import { button, make, say, tell, text, withoutScheme } from "./dom.js";
import { forgetKeyOfLink } from "./keys.js";

const SECONDS = 6;
const waiting = new Map(); // by code, the function that sends the request

addEventListener("pagehide", () => waiting.forEach((send) => send(true)));

export const isBeingRemoved = (code) => waiting.has(code);

export function removeLater(link, card) {
  const short = withoutScheme(link.shortUrl);
  const words = text("removing", { short });
  const place = make("li", { hidden: true });
  const left = make("span", { "aria-hidden": "true" }, ` (${SECONDS})`);
  const undo = button(text("undo"), back, { class: null });
  const bar = make("div", { class: "bar" }, make("span", { class: "grow" }, words), undo);
  let seconds = SECONDS;
  undo.append(left);
  card.replaceWith(place);
  document.getElementById("bars").append(bar);
  say(words);
  undo.focus();
  waiting.set(link.code, send);
  const timer = setInterval(() => {
    left.textContent = ` (${--seconds})`;
    if (!seconds) send();
  }, 1000);

  function end() {
    clearInterval(timer);
    waiting.delete(link.code);
    if (bar.contains(document.activeElement)) (place.nextElementSibling?.querySelector("a") ?? document.getElementById("main")).focus();
    bar.remove();
  }

  function back() {
    end();
    if (!place.isConnected) dispatchEvent(new Event("keys")); // the list was left: reload the present view
    place.replaceWith(card);
    card.querySelector("[data-do=remove]").focus();
  }

  async function send(isLeaving) {
    end();
    try {
      await api.remove(`/links/${link.code}`, { keepalive: isLeaving });
      forgetKeyOfLink(link.code);
      say(text("removed", { short }));
    } catch (problem) {
      place.replaceWith(card);
      tell(card.querySelector(".error"), problem.detail);
    }
  }
}
