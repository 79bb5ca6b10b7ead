// Keeps a page fresh and does nothing else: every link and form works without it.
// The server answers 304 while nothing changed. Parts with an id are replaced one by one, so that focus, what is open
// and what a person is typing stay.
const policy = self.trustedTypes?.createPolicy("syncd", {createHTML: text => text});
const parse = text => new DOMParser().parseFromString(policy ? policy.createHTML(text) : text, "text/html");
const page = () => document.querySelector("[data-live]");
let paused = false, quota = 20, tag = "", timer;

const busy = part => part.contains(document.activeElement) && document.activeElement !== document.body;
function put(fresh) {
  const before = document.querySelector("h1")?.textContent, verdict = fresh.querySelector("h1")?.textContent;
  for (const now of document.querySelectorAll("[data-part]")) {
    const then = fresh.getElementById(now.id);
    if (!then) { location.reload(); return; }
    if (now.isEqualNode(then) || busy(now)) continue;
    for (const open of now.querySelectorAll("details[open][id]")) then.querySelector("#" + CSS.escape(open.id))?.setAttribute("open", "");
    now.replaceWith(document.adoptNode(then));
  }
  document.title = fresh.title;
  const said = document.getElementById("said");
  if (said && verdict !== before) said.textContent = verdict;
}
async function look() {
  try {
    const answer = await fetch(location.href, {headers: {"If-None-Match": tag, "X-Part": "1"}, redirect: "error"});
    document.body.toggleAttribute("data-away", !answer.ok && answer.status !== 304);
    if (answer.ok) { tag = answer.headers.get("ETag") ?? ""; put(parse(await answer.text())); }
  } catch { document.body.toggleAttribute("data-away", true); }
}
async function turn() {
  clearTimeout(timer);
  if (!paused && !document.hidden) { quota = Math.max(0, quota - 1); await look(); }
  timer = setTimeout(turn, quota ? 3000 : 60000);
}
function wake() { const slept = !quota; quota = 20; if (slept) turn(); }
if (page()) {
  for (const what of ["pointermove", "keydown", "visibilitychange"]) document.addEventListener(what, wake, {passive: true});
  const stop = document.getElementById("pause");
  if (stop) {
    stop.parentElement.hidden = false;
    stop.onclick = () => {
      paused = !paused;
      stop.setAttribute("aria-pressed", paused);
      document.body.toggleAttribute("data-stopped", paused);
      if (!paused) { quota = 20; turn(); }
    };
  }
  timer = setTimeout(turn, 3000);
}
