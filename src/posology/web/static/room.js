// What makes the room pleasant, and is not needed: every page works without it.
"use strict";

// New events are announced, never drawn under the hand.
const place = document.body.dataset.head;
let known = null;
async function look() {
  try {
    const answer = await fetch(place, { headers: { accept: "text/plain" } });
    if (!answer.ok) return;
    const head = Number(await answer.text());
    if (known === null) known = head;
    const news = document.getElementById("news");
    if (head > known) {
      const many = head - known;
      news.textContent = `${many} new event${many === 1 ? "" : "s"}: load the page again to take ${many === 1 ? "it" : "them"} in.`;
      news.hidden = false;
    }
  } catch { /* the connection is gone; the next look tells */ }
}
if (place) { look(); setInterval(look, 15000); }

// Errors take the focus.
document.querySelector(".errors")?.focus();

// Keys: g then a letter goes to a page; d proposes a decision; off while something is typed.
let going = false;
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || /INPUT|SELECT|TEXTAREA/.test(event.target.tagName)) return;
  if (event.key === "g") { going = true; return; }
  const wanted = document.querySelector(`[data-key="${CSS.escape(event.key)}"]`);
  if (wanted && (going || event.key === "d")) wanted.click();
  going = false;
});

// The explorer shows results as numbers are changed.
const live = document.querySelector("form[data-live]");
if (live) {
  let waiting, latest = 0;
  const update = async () => {
    const mine = ++latest;
    const results = document.getElementById("results");
    results.setAttribute("aria-busy", "true");
    const address = `${live.action}?${new URLSearchParams(new FormData(live))}`;
    const page = new DOMParser().parseFromString(await (await fetch(address)).text(), "text/html");
    if (mine !== latest) return;
    results.replaceChildren(...page.getElementById("results").childNodes);
    results.removeAttribute("aria-busy");
    history.replaceState(null, "", address);
  };
  live.addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(update, 250); });
}
