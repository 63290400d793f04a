// What can be done with the picture, as buttons; each tells its key and whether it is on.
import { html } from "./vendor/htm-preact.mjs";

/** @param {{state: object}} props state: of useLookState */
export function Tools({ state }) {
  return html`<div class="look-tools">
    ${groups(state).map(
      ([name, said, tools]) => html`<div class="look-group" role="group" aria-label=${name} key=${name}>
        ${said && html`<span class="look-group-name" aria-hidden="true">${name}</span>`}
        ${tools.map((tool) => html`<${Tool} key=${tool.says} ...${tool} />`)}
      </div>`,
    )}
  </div>`;
}

/** [name, whether it is written beside its tools, tools]; on: state of a switch; off: why a tool cannot be used now */
function groups({ act, evidence, held, wanted, last, where, compare, noProcessed, view, dragging }) {
  const first = wanted === 0 ? "This is the first image" : "";
  const newest = wanted !== null && wanted === last ? "This is the newest image" : "";
  return [
    ["Image", false, [
      { hotkey: ",", name: "‹", says: "Image before", off: first, run: act.before },
      { hotkey: "space", name: held === null ? "Hold" : "Live", says: held === null ? "Hold this image" : "Live again", run: act.holdOrLive },
      { hotkey: ".", name: "›", says: "Image after", off: newest, run: act.after },
    ]],
    ["Show", false, [
      { hotkey: "o", name: "Where", says: "Where it is wrong", on: where, run: act.where },
      { hotkey: "k", name: "k-space", says: "k-space", on: evidence.kspace, run: evidence.turnKSpace },
      { hotkey: "c", name: "Coil", says: "Coil elements", on: evidence.elements, run: evidence.turnElements },
    ]],
    ["Compare", false, [
      { name: "Original", says: "Original", on: compare === "image", run: () => act.compare("image") },
      { hotkey: "d", name: "Processed", says: "Processed", on: compare === "processed", off: noProcessed, run: () => act.compare("processed") },
      { name: "Split", says: "Original left, processed right", on: compare === "split", off: noProcessed, run: () => act.compare("split") },
    ]],
    ["Brightness", true, [
      { hotkey: "↓", name: "−", says: "Darker", run: () => act.windowed(0, -1) },
      { hotkey: "↑", name: "+", says: "Brighter", run: () => act.windowed(0, 1) },
    ]],
    ["Contrast", true, [
      { hotkey: "→", name: "−", says: "Less contrast", run: () => act.windowed(1, 0) },
      { hotkey: "←", name: "+", says: "More contrast", run: () => act.windowed(-1, 0) },
      { hotkey: "i", name: "Invert", says: "Inverted", on: view.inverted, run: act.invert },
    ]],
    ["Zoom", true, [
      { hotkey: "-", name: "−", says: "Farther", run: act.farther },
      { hotkey: "+", name: "+", says: "Closer", run: act.closer },
      { hotkey: "h", name: "Move", says: "Dragging moves the picture", on: dragging === "pan", run: act.drag },
      { hotkey: "0", name: "Reset", says: "Window, zoom and place as at first", run: act.reset },
    ]],
  ];
}

function Tool({ hotkey, name, says, on, off, run }) {
  return html`<button
    class="button look-tool"
    title=${off || (hotkey ? `${says} (${hotkey})` : says)}
    aria-label=${says}
    aria-pressed=${on === undefined ? null : String(on)}
    aria-disabled=${off ? "true" : null}
    onClick=${() => off || run()}
  >
    ${name}${hotkey && html`<kbd aria-hidden="true">${hotkey}</kbd>`}
  </button>`;
}
