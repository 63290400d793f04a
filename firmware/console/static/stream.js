// The stream as a tab sees it: through the shared worker, so that a browser holds one; where there is none, its own.
import { openConnection } from "./connection.js";

const HERE_MS = 5000;

/**
 * @param {{onStanding: Function, onEvent: Function, onLink: Function}} told
 *   onStanding(state, age_ms): everything, and how long ago the last sign of life was
 */
export function follow(told) {
  const own = () => openConnection(told.onEvent, told.onLink);
  if (typeof SharedWorker === "undefined") return own();
  let worker;
  try {
    worker = new SharedWorker("/static/stream-worker.js", { type: "module", name: "scanside" });
  } catch {
    return own();
  }
  worker.addEventListener("error", own, { once: true });
  const { port } = worker;
  port.addEventListener("message", ({ data }) => {
    if (data.state) told.onStanding(data.state, data.age_ms);
    if (data.link) told.onLink(data.link);
    if (data.event) told.onEvent(data.event, data.data);
  });
  port.start();
  port.postMessage("here");
  setInterval(() => port.postMessage("here"), HERE_MS);
  window.addEventListener("pagehide", () => port.postMessage("gone"));
  window.addEventListener("pageshow", () => port.postMessage("here"));
}
