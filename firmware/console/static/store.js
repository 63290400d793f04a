// The page's one state: what the stream says, whether it can be trusted now, and how the page looks.
import { useEffect, useReducer, useRef } from "./vendor/htm-preact.mjs";
import { setServerTime, SLEPT_MS } from "./clock.js";
import { EMPTY, reduce } from "./reduce.js";
import { whoIsSilent } from "./silence.js";
import { follow } from "./stream.js";

/** ms without a beat after which the page no longer trusts what it shows. */
const TRUST_MS = 2200;
const LOOK_MS = 100;
/** ms without a beat after which it is asked who is silent, and ms until that is asked again. */
const ASK_MS = 1400;
const ASK_AGAIN_MS = 1000;

let current = { ...EMPTY, link: { open: false, why: "" }, lost: false, silent: "", fresh: performance.now(), theme: "dark" };
const listeners = new Set();

export function state() {
  return current;
}

export function change(parts) {
  current = { ...current, ...parts };
  for (const listener of [...listeners]) listener();
}

/** A part of the state; the component is drawn again when it is another one. The selector makes no new objects. */
export function useStore(selector) {
  const [, again] = useReducer((turn) => turn + 1, 0);
  const selected = selector(current);
  const latest = useRef();
  latest.current = { selector, selected };
  useEffect(() => {
    const look = () => {
      if (!Object.is(latest.current.selector(current), latest.current.selected)) again();
    };
    listeners.add(look);
    look();
    return () => listeners.delete(look);
  }, []);
  return selected;
}

/** Begin to listen, and to watch the time since the last beat. */
export function startStore() {
  follow({ onStanding, onEvent, onLink: (link) => change({ link }) });
  let wall = Date.now();
  let running = performance.now();
  let asked = -Infinity;
  const look = () => {
    const parted = Date.now() - wall - (performance.now() - running);
    wall = Date.now();
    running = performance.now();
    const fresh = Math.abs(parted) > SLEPT_MS ? -Infinity : current.fresh;
    const lost = running - fresh > TRUST_MS;
    if (lost !== current.lost || fresh !== current.fresh) change({ lost, fresh });
    if (running - fresh < ASK_MS || running - asked < ASK_AGAIN_MS) return;
    asked = running;
    whoIsSilent().then((silent) => change({ silent }));
  };
  setInterval(look, LOOK_MS);
  for (const event of ["visibilitychange", "resume"]) document.addEventListener(event, look);
}

function onStanding(standing, age_ms) {
  heard({ ...current, ...standing }, standing.now ? performance.now() - age_ms : current.fresh);
}

function onEvent(event, data) {
  const version = current.now?.version;
  if (event === "now" && version !== undefined && version !== data.version) location.reload();
  if (event === "now" || event === "beat") setServerTime(data.time);
  const silent_ms = event === "now" ? 1000 * data.loop_silent_s : 0;
  const fresh = event === "now" || event === "beat" ? performance.now() - silent_ms : current.fresh;
  heard({ ...current, ...reduce(current, event, data) }, fresh);
}

function heard(next, fresh) {
  change({ ...next, fresh, lost: performance.now() - fresh > TRUST_MS });
}
