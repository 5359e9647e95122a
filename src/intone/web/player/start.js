// Finds the elements of the page, now and later, and keeps a player in each of them.

const FOUND = "[data-intone-player][data-post-id],[data-voicgen-player][data-post-id]";
const LOOKS = ["data-theme", "data-accent", "dir"];
const OPTIONS = [
  "data-intone-player", "data-voicgen-player", "data-post-id", "data-lang", "data-voice-id",
  "data-highlight", "data-article", "data-sticky", "data-title", "data-domain", "data-server",
  "data-analytics",
];
//: Marks a page in which the script runs already; loading it twice must not make two players.
const MARK = Symbol.for("intone.player");

const script = document.currentScript;
const players = new Map();

// What an element, or else the script, asks for.
function optionsOf(host) {
  const asked = (name) => host.dataset[name] ?? script?.dataset[name];
  const language = new Language(
    asked("lang") || host.closest("[lang]")?.lang || document.documentElement.lang);
  const isLanguageKnown = asked("lang") || host.closest("[lang]")?.lang;
  const direction = getComputedStyle(host.parentElement || host).direction;
  const theme = asked("theme");
  return {
    postId: host.dataset.postId,
    lang: primary(asked("lang") || host.closest("[lang]")?.lang) || "en",
    voice: asked("voiceId"),
    server: asked("server")?.replace(/\/$/, "") || new URL(script?.src || location).origin,
    domain: asked("domain") || location.hostname,
    theme: theme === "light" || theme === "dark" ? theme : "auto",
    accent: asked("accent"),
    direction: isLanguageKnown && language.isRightToLeft ? "rtl" : direction,
    highlight: asked("highlight") || "transcript",
    article: asked("article"),
    isSticky: asked("sticky") !== "off" && asked("sticky") !== "false",
    title: asked("title"),
    hasAnalytics: asked("analytics") !== "off",
  };
}

function adopt(host) {
  if (!players.has(host)) players.set(host, new Player(host, optionsOf(host)));
}

function drop(host) {
  const player = players.get(host);
  players.delete(host);
  player?.remove();
}

// Elements that came, went, or ask for something else than before.
function observed(records) {
  const [changed, repainted] = [new Set(), new Set()];
  for (const { type, target, addedNodes, attributeName } of records) {
    if (type === "attributes") (LOOKS.includes(attributeName) ? repainted : changed).add(target);
    for (const node of addedNodes) {
      if (node.nodeType !== 1) continue;
      if (node.matches(FOUND)) changed.add(node);
      node.querySelectorAll(FOUND).forEach((each) => !players.has(each) && changed.add(each));
    }
  }
  for (const host of [...players.keys()]) {
    if (!host.isConnected) drop(host);
  }
  for (const host of changed) {
    const isAsked = records.some((each) => each.type === "attributes" && each.target === host);
    if (players.has(host) && !isAsked) continue; // only moved
    drop(host);
    if (host.isConnected && host.matches(FOUND)) adopt(host);
  }
  for (const [host, player] of players) {
    if ([...repainted].some((each) => each.contains(host))) player.restyle(optionsOf(host));
  }
}

function start() {
  document.querySelectorAll(FOUND).forEach(adopt);
  new MutationObserver(observed).observe(document, {
    subtree: true, childList: true, attributes: true, attributeFilter: [...LOOKS, ...OPTIONS],
  });
}

if (!document[MARK]) {
  document[MARK] = true;
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
}
