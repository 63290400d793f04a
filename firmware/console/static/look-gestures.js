// One pointer drags window or picture, two pinch, the wheel zooms about the pointer.
import { dragged, moved, zoomed } from "./look-view.js";
import { useEffect, useRef } from "./vendor/htm-preact.mjs";

/**
 * Handlers of the stage's pointer events.
 * @param {{box: {current: HTMLElement}, shape: object, room: {width: number, height: number}, window: {low: number, high: number},
 *   dragging: "window"|"pan", setView: Function, tell: (at: {x: number, y: number}|null) => void}} given
 */
export function useGestures({ box: element, shape, room, window, dragging, setView, tell }) {
  const held = useRef(new Map());
  const at = (event) => {
    const box = element.current.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  };
  const fromMiddle = ({ x, y }) => ({ x: x - room.width / 2, y: y - room.height / 2 });
  const current = useRef(null);
  current.current = { shape, room };

  // The wheel must not scroll the page behind, and only a listener that is not passive can say so.
  useEffect(() => {
    const wheel = (event) => {
      event.preventDefault();
      const { shape: picture, room: box } = current.current;
      const edge = element.current.getBoundingClientRect();
      const middle = { x: event.clientX - edge.left - box.width / 2, y: event.clientY - edge.top - box.height / 2 };
      const lines = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 16 : 1;
      setView((view) => zoomed(view, 2 ** (-event.deltaY * lines / 240), middle, picture, box));
    };
    const stage = element.current;
    stage.addEventListener("wheel", wheel, { passive: false });
    return () => stage.removeEventListener("wheel", wheel);
  }, []);

  const down = (event) => {
    if (event.button > 1) return;
    element.current.setPointerCapture(event.pointerId);
    held.current.set(event.pointerId, at(event));
  };
  const move = (event) => {
    const here = at(event);
    const before = held.current.get(event.pointerId);
    if (!before) return tell(here);
    held.current.set(event.pointerId, here);
    const [right, under] = [here.x - before.x, here.y - before.y];
    if (held.current.size === 2) return pinch(event.pointerId, before, here, right, under);
    if (dragging === "pan" || event.shiftKey || event.buttons & 4) {
      setView((view) => moved(view, right, under, shape, room));
    } else {
      setView((view) => ({ ...view, window: dragged(view.window ?? window, right, under) }));
    }
    return tell(here);
  };
  const pinch = (moving, before, here, right, under) => {
    const [other] = [...held.current].filter(([id]) => id !== moving).map(([, place]) => place);
    const apart = (place) => Math.max(Math.hypot(place.x - other.x, place.y - other.y), 1);
    setView((view) => moved(zoomed(view, apart(here) / apart(before), fromMiddle(other), shape, room), right / 2, under / 2, shape, room));
  };
  const up = (event) => held.current.delete(event.pointerId);
  return { onPointerDown: down, onPointerMove: move, onPointerUp: up, onPointerCancel: up, onLostPointerCapture: up, onPointerLeave: () => tell(null) };
}
