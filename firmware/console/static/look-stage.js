// The picture on its stage: drawn as it is turned, windowed, zoomed and moved, and the value under the pointer.
import { useGestures } from "./look-gestures.js";
import { Overlay } from "./look-overlay.js";
import { apply, inverse, onScreen, turned } from "./look-turn.js";
import { paint, valueAt } from "./pixels.js";
import { html, useEffect, useLayoutEffect, useMemo, useRef, useState } from "./vendor/htm-preact.mjs";

/** Screen pixels per image pixel from which on single pixels are shown as squares. */
const SQUARES = 12;

/**
 * The stage; `children` lie over the picture.
 * @param {{frame: object, image: object, processed: object|null, picture: object, view: object, setView: Function,
 *   window: {low: number, high: number}, half: number, dragging: "window"|"pan", findings: object[]|null,
 *   onPoint: Function, onRoom: Function, label: string}} props
 *   half: share of the stage that shows the image itself, the rest shows the processed one; findings null: none drawn.
 */
export function Stage({ frame, image, processed, picture, view, setView, window, half, dragging, findings, onPoint, onRoom, label, children }) {
  const box = useRef(null);
  const canvas = useRef(null);
  const room = useRoom(box, onRoom);
  const shape = useMemo(() => turned(picture.place, image, picture.pixel_mm), [picture, image]);
  const matrix = useMemo(() => onScreen(shape, room, view), [shape, room, view]);
  const painted = [usePainted(image, window, view.inverted), usePainted(processed, window, view.inverted)];

  useLayoutEffect(() => draw(canvas.current, room, matrix, painted, half), [room, matrix, ...painted, half]);
  const pointer = useRef(null);
  const tell = (at) => {
    pointer.current = at;
    const [column, row] = apply(inverse(matrix), at?.x ?? room.width / 2, at?.y ?? room.height / 2).map(Math.floor);
    onPoint({ column, row, middle: !at, value: valueAt(image, column, row), other: processed && valueAt(processed, column, row) });
  };
  useEffect(() => tell(pointer.current), [matrix, image, processed]);

  const gestures = useGestures({ box, shape, room, window, dragging, setView, tell });
  return html`<div class="look-stage" ref=${box} data-number=${frame.number} ...${gestures}>
    <canvas ref=${canvas} role="img" aria-label=${label}></canvas>
    ${findings && html`<${Overlay} findings=${findings} frame=${frame} matrix=${matrix} image=${image} room=${room} />`}
    <${Edges} place=${picture.place} />
    ${half > 0 && half < 1 && html`<span class="look-divide" style=${{ left: `${100 * half}%` }}></span>`}
    ${children}
  </div>`;
}

/** Patient directions at the edges; where the header states none, that is said in their stead. */
function Edges({ place }) {
  const letters = ["left", "right", "top", "bottom"].filter((edge) => place[edge]);
  if (!letters.length) {
    return html`<span class="look-unturned">Orientation unknown${place.why_unknown ? `: ${place.why_unknown}` : ""}</span>`;
  }
  return letters.map((edge) => html`<span key=${edge} class=${`look-edge look-edge-${edge}`} aria-label=${`${edge}: ${place[edge]}`}>${place[edge]}</span>`);
}

/** Size of an element in CSS pixels, followed. */
function useRoom(element, onRoom) {
  const [room, setRoom] = useState({ width: 1, height: 1 });
  useLayoutEffect(() => {
    const follow = new ResizeObserver(([{ contentRect }]) => {
      if (contentRect.width > 0 && contentRect.height > 0) {
        const size = { width: contentRect.width, height: contentRect.height };
        setRoom(size);
        onRoom(size);
      }
    });
    follow.observe(element.current);
    return () => follow.disconnect();
  }, []);
  return room;
}

/** The plane as grey levels; one canvas, painted again when pixels or window change. */
function usePainted(plane, { low, high }, inverted) {
  const canvas = useRef(null);
  return useMemo(() => {
    if (!plane) return null;
    canvas.current ??= document.createElement("canvas");
    paint(plane, { low, high, inverted }, canvas.current);
    return { pixels: canvas.current };
  }, [plane, low, high, inverted]);
}

function draw(canvas, room, matrix, [image, processed], half) {
  const ratio = globalThis.devicePixelRatio || 1;
  canvas.width = Math.round(room.width * ratio);
  canvas.height = Math.round(room.height * ratio);
  const context = canvas.getContext("2d");
  const sides = processed ? [[image, 0, half], [processed, half, 1]] : [[image, 0, 1]];
  for (const [painted, from, to] of sides) {
    if (!painted || to <= from) continue;
    context.save();
    context.scale(ratio, ratio);
    context.beginPath();
    context.rect(from * room.width, 0, (to - from) * room.width, room.height);
    context.clip();
    context.transform(...matrix);
    context.imageSmoothingEnabled = Math.hypot(matrix[0], matrix[1]) < SQUARES;
    context.imageSmoothingQuality = "high";
    context.drawImage(painted.pixels, 0, 0);
    context.restore();
  }
}
