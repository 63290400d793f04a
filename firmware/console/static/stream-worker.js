// Shared by all tabs of a browser: holds the one stream, and tells a new tab how things stand.
import { openConnection } from "./connection.js";
import { EMPTY, reduce } from "./reduce.js";

/** A tab that has not said for so long that it is there is forgotten; when it says so again it is told everything. */
const GONE_MS = 150_000;

const tabs = new Map();
let state = EMPTY;
let link = { open: false, why: "" };
let beatAt = -Infinity;

function tellAll(message) {
  const now = performance.now();
  for (const [port, seen] of tabs) {
    if (now - seen > GONE_MS) tabs.delete(port);
    else port.postMessage(message);
  }
}

function standing() {
  return { state, link, age_ms: performance.now() - beatAt };
}

self.addEventListener("connect", ({ ports: [port] }) => {
  port.addEventListener("message", ({ data }) => {
    if (data === "gone") {
      tabs.delete(port);
      return;
    }
    const known = tabs.has(port);
    tabs.set(port, performance.now());
    if (!known) port.postMessage(standing());
  });
  port.start();
});

openConnection(
  (event, data) => {
    state = reduce(state, event, data);
    if (event === "beat") beatAt = performance.now();
    if (event === "now") beatAt = performance.now() - 1000 * data.loop_silent_s;
    tellAll({ event, data });
  },
  (next) => {
    link = next;
    tellAll({ link });
  },
);
