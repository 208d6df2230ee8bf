"use strict";

// Shows what is new without a reload. The server renders everything: this script fetches the page
// again and replaces the parts that have changed. Without it, the page works as plain HTML.

const PAUSE = 300; // milliseconds between two fetches, however many events arrive
const OFFLINE = "Not connected. Is the sandbox running?";
const news = document.getElementById("news");
let timer = null;
let busy = false;
let again = false;
let feed = null;
let sending = false;

function announce(text) {
  if (news.textContent !== text) news.textContent = text;
}

function replaceParts(html, { kept } = {}) {
  const fresh = new DOMParser().parseFromString(html, "text/html");
  const focused = document.activeElement && document.activeElement.id;
  for (const part of document.querySelectorAll("[data-part]")) {
    const other = fresh.getElementById(part.id);
    if (!other || part.id === kept || other.innerHTML === part.innerHTML) continue;
    part.replaceChildren(...document.importNode(other, true).childNodes);
  }
  if (focused && document.activeElement.id !== focused) {
    const found = document.getElementById(focused);
    if (found) found.focus({ preventScroll: true });
  }
}

async function refresh() {
  timer = null;
  if (busy || document.hidden) {
    again = busy;
    return;
  }
  busy = true;
  again = false;
  try {
    const response = await fetch(location.href, { headers: { Accept: "text/html" } });
    if (response.status === 404) location.reload(); // its group or invitation was deleted
    replaceParts(await response.text(), { kept: "problem-part" });
  } catch {
    // The connection for events fails too, and announces it. When it is back, all is fetched.
    again = false;
  } finally {
    busy = false;
    if (again) schedule();
  }
}

function schedule() {
  if (timer === null) timer = setTimeout(refresh, PAUSE);
}

async function send(form, button) {
  const fields = new URLSearchParams(new FormData(form, button));
  const response = await fetch(location.href, { method: "POST", body: fields });
  const isPage = (response.headers.get("Content-Type") || "").startsWith("text/html");
  if (!isPage) {
    // An error of the server, such as that of a proxy that changes the host or the scheme.
    announce(`Not done: ${(await response.json()).error}`);
    return;
  }
  for (const old of document.querySelectorAll("[role=alert]")) old.remove();
  replaceParts(await response.text());
  const problem = document.querySelector("[role=alert]");
  if (!problem) {
    announce(`Done: ${button.getAttribute("aria-label") || button.textContent}`);
    return;
  }
  // Beside the form, unless the form itself may be replaced.
  if (form.isConnected && !form.closest("[data-part]")) form.after(problem);
  problem.scrollIntoView({ block: "nearest" });
}

// Browsers open few connections to a server: a tab in the background must not hold one.
function follow() {
  const events = new EventSource("/__sandbox__/events");
  let emails = 0;
  events.addEventListener("open", () => {
    announce("Live: new emails and requests appear as they come.");
    schedule(); // what happened before the connection
  });
  events.addEventListener("error", () => announce(OFFLINE));
  events.addEventListener("email", () => {
    emails += 1;
    announce(`${emails} new email${emails === 1 ? "" : "s"} in the inbox.`);
    schedule();
  });
  for (const kind of ["request", "change", "gap"]) events.addEventListener(kind, schedule);
  return events;
}

function followWhileVisible() {
  if (document.hidden && feed) {
    feed.close();
    feed = null;
  } else if (!document.hidden && !feed) {
    feed = follow();
  }
}

function addCopyButtons() {
  if (!navigator.clipboard) return;
  for (const box of document.querySelectorAll("[data-copy]")) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = "Copy";
    button.setAttribute("aria-label", `Copy the lines for ${box.dataset.copy}`);
    button.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(box.textContent);
        announce("Copied.");
      } catch {
        getSelection().selectAllChildren(box);
        announce("Selected. Copy it with the keyboard.");
      }
    });
    box.after(button);
  }
}

document.addEventListener("submit", (event) => {
  if (!event.submitter) return;
  event.preventDefault();
  if (sending) return; // the second click of a double click
  sending = true;
  send(event.target, event.submitter)
    .catch(() => announce(OFFLINE))
    .finally(() => {
      sending = false;
    });
});
addCopyButtons();
if (document.querySelector("[data-part]")) {
  document.addEventListener("visibilitychange", followWhileVisible);
  setInterval(schedule, 10_000); // for the clock
  followWhileVisible();
}
