// Deletion with undo: the request is sent after some seconds, or when the page is left.
import { api } from "./api.js";
import { button, make, say, tell, text } from "./dom.js";

const SECONDS = 6;
const waiting = new Map(); // by path, the function that sends the request

addEventListener("pagehide", () => waiting.forEach((send) => send(true)));

export const isBeingRemoved = (path) => waiting.has(path);

// Takes `cards` out of their list, and calls `done` once DELETE `path` has succeeded. `words`: what is said before and after that.
export function removeLater({ path, name, words: [removing, removed], done }, ...cards) {
  const places = cards.map(() => make("li", { hidden: true }));
  const [[place], [card]] = [places, cards];
  const told = make("span", { class: "grow" }, removing);
  const left = make("span", { "aria-hidden": "true" }, ` (${SECONDS})`);
  const undo = button(text("undo"), back, { class: null });
  const bar = make("div", { class: "bar" }, told, undo);
  let seconds = SECONDS;
  undo.append(left);
  cards.forEach((each, at) => each.replaceWith(places[at]));
  document.getElementById("bars").append(bar);
  say(removing);
  undo.focus();
  waiting.set(path, send);
  const timer = setInterval(() => {
    left.textContent = ` (${--seconds})`;
    if (!seconds) send();
  }, 1000);

  function end() {
    clearInterval(timer);
    waiting.delete(path);
    if (bar.contains(document.activeElement)) (place.nextElementSibling?.querySelector("a, button") ?? document.getElementById("main")).focus();
    bar.remove();
  }

  // Returns whether the list is still shown; if not, the present view is reloaded.
  function restore() {
    const isShown = place.isConnected;
    if (!isShown) dispatchEvent(new Event("keys"));
    places.forEach((each, at) => each.replaceWith(cards[at]));
    return isShown;
  }

  function back() {
    end();
    restore();
    card.querySelector("[data-do=remove]").focus();
  }

  async function send(isLeaving) {
    end();
    try {
      await api.remove(path, { keepalive: isLeaving });
      done();
      say(removed);
    } catch (problem) {
      if (restore()) tell(card.querySelector(".error"), problem.detail);
      else report(problem);
    }
  }

  // The button is still that of `back`, which removes the bar.
  function report({ detail }) {
    told.textContent = `${name}: ${detail}`;
    undo.textContent = text("close");
    document.getElementById("bars").append(bar);
    say(told.textContent);
  }
}
