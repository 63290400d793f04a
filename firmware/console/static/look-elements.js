// What each coil element sees, on a common scale: a lost one is dark, crossed out and named.
import { url } from "./api.js";
import { NotKept } from "./look-not-kept.js";
import { html, useEffect, useState } from "./vendor/htm-preact.mjs";

/** What a finding says of an element, in a word beneath its picture. */
const WORDS = { "coil-loss": "lost", "noise-change": "noisy", saturation: "clipped", "dc-offset": "offset" };

/**
 * @param {{scan: string, frame: object, picture: object, findings: object[]}} props
 */
export function Elements({ scan, frame, picture, findings }) {
  const there = picture.kinds.includes("elements") && picture.elements > 0;
  const address = there ? url(`scans/${encodeURIComponent(scan)}/frames/${frame.number}/elements.png`) : "";
  const tiles = useTiles(address);
  if (!there) {
    return html`<section class="look-elements"><h2>Coil elements</h2><${NotKept} scan=${scan} frame=${frame} findings=${findings} /></section>`;
  }
  const said = faults(findings);
  return html`<section class="look-elements">
    <h2>Coil elements, one scale</h2>
    ${tiles.error && html`<p class="notice bad">${tiles.error}</p>`}
    <ol class="element-strip">
      ${Array.from({ length: picture.elements }, (_, coil) => {
        const name = picture.element_labels[coil] ?? String(coil);
        const word = said.get(coil);
        return html`<li key=${coil} class=${word ? "element element-bad" : "element"}>
          <span class="element-tile" style=${tileStyle(tiles, coil, picture)}></span>
          ${word && html`<svg class="element-cross" viewBox="0 0 10 10" aria-hidden="true"><path d="M1 1L9 9M9 1L1 9" /></svg>`}
          <span class="element-name">${name}${word ? ` ${word}` : ""}</span>
        </li>`;
      })}
    </ol>
  </section>`;
}

/** Coil element -> word. */
function faults(findings) {
  const said = new Map();
  for (const { kind, where } of findings) {
    for (const coil of where.coils ?? []) if (!said.has(coil)) said.set(coil, WORDS[kind] ?? kind.replaceAll("-", " "));
  }
  return said;
}

/** Address of the picture that holds the tiles side by side, once it has come. */
function useTiles(address) {
  const [tiles, setTiles] = useState({ address: "", error: "" });
  useEffect(() => {
    if (!address) return undefined;
    const image = new Image();
    image.onload = () => setTiles({ address, error: "" });
    image.onerror = () => setTiles({ address: "", error: "Pictures of the elements could not be read." });
    image.src = address;
    return () => {
      image.onload = image.onerror = null;
    };
  }, [address]);
  return tiles;
}

/** A tile cut out of the common picture, turned as the image is. */
function tileStyle({ address }, coil, { elements, place }) {
  if (!address) return {};
  const [x, y] = [place.flip_columns ? -1 : 1, place.flip_rows ? -1 : 1];
  return {
    backgroundImage: `url("${address}")`,
    backgroundSize: `${100 * elements}% 100%`,
    backgroundPosition: `${elements > 1 ? (100 * coil) / (elements - 1) : 0}% 0`,
    transform: place.transpose ? `matrix(0, ${y}, ${x}, 0, 0, 0)` : `matrix(${x}, 0, 0, ${y}, 0, 0)`,
  };
}
