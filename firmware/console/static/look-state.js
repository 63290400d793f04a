// What somebody has chosen in the look, and everything that can be done to it: buttons and keys call the same acts.
import { turned } from "./look-turn.js";
import { AT_FIRST, moved, stepped, zoomed } from "./look-view.js";
import { plain } from "./numbers-words.js";
import { useEffect, useRef, useState } from "./vendor/htm-preact.mjs";

const CLOSER = 1.25;
/** CSS pixels that one key press moves the picture by. */
const PAN = 40;
const MIDDLE = { x: 0, y: 0 };
const NO_FINDINGS = [];

/**
 * @param {{shown: object, wanted: number|null, last: number|null, held: number|null, hold: (number: number|null) => void}} given
 *   shown: of useFrame; wanted: the frame that shall be seen; last: the newest there is; null: not known yet
 */
export function useLookState({ shown, wanted, last, held, hold }) {
  const [view, setView] = useState(AT_FIRST);
  const [compare, setCompare] = useState("image");
  const [share, setShare] = useState(50);
  const [dragging, setDragging] = useState("window");
  const [where, setWhere] = useState(true);
  const evidence = useEvidence(shown.detail?.findings ?? NO_FINDINGS);
  const room = useRef({ width: 1, height: 1 });

  const { image, processed, detail } = shown;
  const picture = detail?.picture ?? null;
  const window = view.window ?? (picture && { low: picture.low, high: picture.high });
  const shape = image && picture && turned(picture.place, image, picture.pixel_mm);
  const onShape = (change) => shape && setView((before) => change(before, shape, room.current));
  const step = (by) => wanted !== null && hold(Math.min(Math.max(wanted + by, 0), last ?? Infinity));

  const act = {
    holdOrLive: () => hold(held === null ? wanted : null),
    live: () => hold(null),
    before: () => step(-1),
    after: () => step(1),
    windowed: (wider, brighter) => window && setView((was) => ({ ...was, window: stepped(was.window ?? window, wider, brighter) })),
    move: (right, down) => onShape((was, ...rest) => moved(was, right * PAN, down * PAN, ...rest)),
    closer: () => onShape((was, ...rest) => zoomed(was, CLOSER, MIDDLE, ...rest)),
    farther: () => onShape((was, ...rest) => zoomed(was, 1 / CLOSER, MIDDLE, ...rest)),
    reset: () => setView(AT_FIRST),
    invert: () => setView((was) => ({ ...was, inverted: !was.inverted })),
    compare: (how) => (processed || how === "image") && setCompare(how),
    processedOrNot: () => processed && setCompare(compare === "processed" ? "image" : "processed"),
    where: () => setWhere(!where),
    drag: () => setDragging(dragging === "pan" ? "window" : "pan"),
  };
  const noProcessed = processed ? "" : whyNotProcessed(detail);
  const half = !processed || compare === "image" ? 1 : compare === "processed" ? 0 : share / 100;
  const chosen = { view, setView, window, compare: processed ? compare : "image", half, share, setShare, dragging, where };
  return { ...chosen, evidence, room, act, noProcessed, held, wanted, last };
}

/** What explains a finding opens by itself, once: after that it is as somebody left it. */
function useEvidence(findings) {
  const [kspace, setKSpace] = useState(null);
  const [elements, setElements] = useState(null);
  useEffect(() => {
    if (kspace === null && findings.some(({ where }) => where.lines?.length)) setKSpace(true);
    if (elements === null && findings.some(({ where }) => where.coils?.length)) setElements(true);
  }, [findings]);
  return {
    kspace: kspace === true,
    elements: elements === true,
    turnKSpace: () => setKSpace(!kspace),
    turnElements: () => setElements(!elements),
  };
}

function whyNotProcessed(detail) {
  const why = detail?.measurements.find(({ row }) => row === "n01")?.why_missing;
  return `No processed image: ${why ? plain(why) : "no network has processed this image"}.`;
}
