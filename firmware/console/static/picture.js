// The newest picture of a scan: the next one is shown when it has come whole, so that nothing flickers.
import { html, useEffect, useRef, useState } from "./vendor/htm-preact.mjs";
import { url } from "./api.js";

const SIZE = 512;

/** Shows the frame, or what it last could show; in a burst it skips to the newest. */
export function Picture({ frame, name }) {
  const [shown, setShown] = useState(null);
  const loading = useRef(false);
  const wanted = useRef(null);
  wanted.current = frame;

  function load() {
    const next = wanted.current;
    if (!next?.picture || loading.current) return;
    loading.current = true;
    const picture = new Image();
    const done = (came) => {
      loading.current = false;
      setShown({ scan: next.scan, number: next.number, src: picture.src, came });
      if (wanted.current && (wanted.current.scan !== next.scan || wanted.current.number !== next.number)) load();
    };
    picture.addEventListener("load", () => done(true));
    picture.addEventListener("error", () => done(false));
    picture.src = url(`scans/${encodeURIComponent(next.scan)}/frames/${next.number}/image.png?size=${SIZE}`);
  }

  useEffect(load, [frame?.scan, frame?.number]);
  if (shown?.came && shown.scan === frame?.scan) {
    return html`<img class="picture" src=${shown.src} alt=${`Image ${shown.number} of ${name}`} />`;
  }
  const why = !frame ? "No image yet" : frame.picture ? (shown ? "The picture cannot be shown" : "The picture comes") : "No picture of this image";
  return html`<div class="picture picture-none quiet">${why}</div>`;
}
