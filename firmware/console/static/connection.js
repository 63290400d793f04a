// One event stream to the console, opened again after every loss.
import { EVENTS } from "./reduce.js";
import { refusalSentence } from "./refusal.js";

const URL_OF_EVENTS = "/api/v1/events";
const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 2000;
/** So long nothing at all: a connection that only looks open. */
const SILENT_MS = 10_000;

/**
 * @param {(event: string, data: object) => void} onEvent
 * @param {(link: {open: boolean, why: string}) => void} onLink why: what the console said when it refused
 */
export function openConnection(onEvent, onLink) {
  let source = null;
  let wait = FIRST_WAIT_MS;
  let heard = performance.now();

  function open() {
    heard = performance.now();
    source = new EventSource(URL_OF_EVENTS);
    source.addEventListener("open", () => {
      wait = FIRST_WAIT_MS;
      onLink({ open: true, why: "" });
    });
    for (const name of EVENTS) source.addEventListener(name, (message) => receive(name, message.data));
    source.addEventListener("error", again);
  }

  function receive(name, text) {
    heard = performance.now();
    let data;
    try {
      data = JSON.parse(text);
    } catch {
      return; // a torn event: the next snapshot makes up for it
    }
    onEvent(name, data);
  }

  async function again() {
    const failed = source;
    failed.close();
    onLink({ open: false, why: await refusal() });
    if (failed !== source) return;
    setTimeout(open, wait);
    wait = Math.min(2 * wait, LONGEST_WAIT_MS);
  }

  open();
  setInterval(() => {
    if (source.readyState !== EventSource.OPEN || performance.now() - heard < SILENT_MS) return;
    source.close();
    open();
  }, 1000);
}

/** What the console says to a stream that it refuses; empty: it cannot be reached, or would not refuse now. */
async function refusal() {
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(), 1000);
  try {
    const answer = await fetch(URL_OF_EVENTS, { signal: stop.signal, cache: "no-store" });
    return answer.ok ? "" : await refusalSentence(answer);
  } catch {
    return "";
  } finally {
    clearTimeout(timer);
    stop.abort();
  }
}
