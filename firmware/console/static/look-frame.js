// The frame that the look shows: what is known of it and its pixels arrive together, so that they never disagree.
import { get, RETRY_MS } from "./api.js";
import { fetchPlane } from "./pixels.js";
import { useEffect, useRef, useState } from "./vendor/htm-preact.mjs";

const NOTHING = { scan: "", number: null, detail: null, image: null, processed: null, error: "" };
const KINDS = 4;
/** ms after which a request that is under way makes room for the frame that somebody chose. */
const SLOW_MS = 1000;
/** ms after which a frame is asked for again that lacked something: networks and k-space come after the verdict. */
const AGAIN_MS = [1000, 4000];

/**
 * A frame; the one before stays until the next is whole.
 * @param {string} scan
 * @param {number|null} number null: there is none to show yet
 * @param {boolean} held somebody chose it; else the newest is followed
 * @returns {{scan: string, number: number|null, detail: object|null, image: object|null, processed: object|null, error: string}}
 */
export function useFrame(scan, number, held) {
  const [shown, setShown] = useState(NOTHING);
  const loader = useRef(null);
  loader.current ??= frameLoader(setShown);
  useEffect(() => loader.current.want(scan, number, held), [scan, number, held]);
  useEffect(() => () => loader.current.end(), []);
  return shown.scan === scan ? shown : NOTHING;
}

/** One request at a time: a scan at full speed brings frames faster than they load, and the newest is the next. */
function frameLoader(show) {
  let wanted = null;
  let busy = null;
  let again = 0;

  async function follow() {
    while (wanted) {
      const { scan, number, turn } = wanted;
      wanted = null;
      busy = { scan, ends: new AbortController(), began: performance.now() };
      const next = await load(scan, number, busy.ends.signal);
      busy = null;
      if (!next) continue;
      show((before) => (next.error && whole(before, scan, number) ? before : next));
      const pause = next.passing ? RETRY_MS : lacking(next.detail) ? AGAIN_MS[turn] : undefined;
      if (pause && !wanted) again = setTimeout(want, pause, scan, number, false, next.passing ? turn : turn + 1);
    }
  }

  function want(scan, number, held, turn = 0) {
    clearTimeout(again);
    wanted = scan && number !== null ? { scan, number, turn } : null;
    const stale = busy && (busy.scan !== scan || (held && performance.now() - busy.began > SLOW_MS));
    if (stale) busy.ends.abort();
    if (!busy) follow();
  }

  function end() {
    clearTimeout(again);
    wanted = null;
    busy?.ends.abort();
  }
  return { want, end };
}

/** The frame is shown already: an error does not take it away. */
function whole(shown, scan, number) {
  return shown.scan === scan && shown.number === number && !shown.error;
}

function lacking(detail) {
  return detail?.picture && detail.picture.kinds.length < KINDS;
}

/** Null: nobody waits for it any more; passing: it failed for the moment only. */
async function load(scan, number, signal) {
  const path = `scans/${encodeURIComponent(scan)}/frames/${number}`;
  let detail = null;
  try {
    detail = await get(path, { signal });
    const { picture } = detail;
    const [image, processed] = await Promise.all(
      ["image", "processed"].map((kind) =>
        picture?.kinds.includes(kind) ? fetchPlane(`${path}/${kind}.raw`, picture, signal) : null,
      ),
    );
    return { scan, number, detail, image, processed, error: "" };
  } catch (error) {
    if (signal.aborted) return null;
    return { scan, number, detail, image: null, processed: null, error: error.message, passing: error.passing };
  }
}
