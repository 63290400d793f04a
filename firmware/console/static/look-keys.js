// Keys of the look, in the words of the help.

/** @param {object} state of useLookState @returns what useKeys takes */
export function lookKeys({ act, evidence }) {
  const arrow = (right, down) => (event) => (event.shiftKey ? act.move(-right, -down) : act.windowed(right, -down));
  return {
    ArrowUp: ["Brighter; with shift: move the picture", arrow(0, -1)],
    ArrowDown: ["Darker; with shift: move the picture", arrow(0, 1)],
    ArrowLeft: ["More contrast; with shift: move the picture", arrow(-1, 0)],
    ArrowRight: ["Less contrast; with shift: move the picture", arrow(1, 0)],
    "+": ["Closer", act.closer],
    "=": ["Closer", act.closer],
    "-": ["Farther", act.farther],
    0: ["Window, zoom and place as at first", act.reset],
    i: ["Inverted", act.invert],
    d: ["Original or processed", act.processedOrNot],
    o: ["Where it is wrong", act.where],
    k: ["k-space", evidence.turnKSpace],
    c: ["Coil elements", evidence.turnElements],
    h: ["Dragging moves the picture", act.drag],
    " ": ["Hold the image, or live again", act.holdOrLive],
    Home: ["Live again", act.live],
    ",": ["Image before", act.before],
    ".": ["Image after", act.after],
  };
}
