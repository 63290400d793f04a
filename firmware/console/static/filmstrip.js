// The last images as small pictures with their verdicts: newest at the right, one click or key holds one.
import { get, url } from "./api.js";
import { Shape } from "./shapes.js";
import { useStore } from "./store.js";
import { verdictLook } from "./words.js";
import { html, useEffect, useLayoutEffect, useRef, useState } from "./vendor/htm-preact.mjs";

/** Frames in the document at once; older ones come by pages, and the page before goes. */
const SHOWN = 64;
const THUMB = 96;
/** A picture is written beside the verdict, not before it: one that is not there is asked for once more, and when the appliance is back. */
const AGAIN_MS = 1500;
const FAILED_ONCE = 1;
const AGAIN = 2;

/**
 * With one `key` a scan: what is asked for belongs to it. Where it is quiet nothing is asked for.
 * @param {{scan: string, frames: object[], held: number|null, onHold: (number: number|null) => void, quiet?: boolean,
 *   learning?: object|null}} props
 *   frames: the newest of the scan, oldest first; held null: the newest is followed; quiet: a strip to look at, in the glance;
 *   learning: of the series
 */
export function Filmstrip({ scan, frames, held, onHold, quiet = false, learning = null }) {
  const [page, setPage] = useState(null);
  const [error, setError] = useState("");
  const lost = useStore((state) => state.lost);
  const list = useRef(null);
  const newest = frames.slice(-SHOWN);
  const shown = page ?? newest;
  const followed = held === null ? newest.at(-1)?.number : held;

  useEffect(() => {
    if (quiet) return undefined;
    if (held === null) setPage(null);
    const there = held === null || shown.some(({ number }) => number === held);
    return there ? undefined : turnTo(held + SHOWN / 2);
  }, [held]);
  useLayoutEffect(() => {
    const strip = list.current;
    const current = strip?.querySelector("[aria-current]");
    if (!strip) return;
    if (held === null || !current) strip.scrollLeft = strip.scrollWidth;
    else strip.scrollLeft = current.offsetLeft - (strip.clientWidth - current.offsetWidth) / 2;
  }, [held, followed, shown.length, page]);

  /** The page that ends before a frame; the newest one follows the scan again. */
  function turnTo(before) {
    const stop = new AbortController();
    get(`scans/${encodeURIComponent(scan)}/frames?before=${before}&limit=${SHOWN}`, { signal: stop.signal }).then(
      (got) => {
        const last = got.frames.at(-1);
        setPage(last && last.number < (newest.at(-1)?.number ?? -1) ? got.frames : newest.length ? null : got.frames);
        setError("");
      },
      (refused) => stop.signal.aborted || setError(refused.message),
    );
    return () => stop.abort();
  }

  function pressed(event) {
    const step = { ArrowLeft: -1, ArrowRight: 1, PageUp: -10, PageDown: 10 }[event.key];
    if (!step) return;
    event.preventDefault();
    const at = shown.findIndex(({ number }) => number === followed);
    const next = shown[Math.min(Math.max((at < 0 ? shown.length - 1 : at) + step, 0), shown.length - 1)];
    if (!next) return;
    onHold(next.number);
    list.current.querySelector(`[data-number="${next.number}"]`)?.focus();
  }

  if (!shown.length) return html`<div class="filmstrip"><p class="quiet">No image yet.</p>${error && html`<p class="notice bad">${error}</p>`}</div>`;
  const first = shown[0].number;
  return html`<div class=${quiet ? "filmstrip filmstrip-quiet" : "filmstrip"}>
    ${!quiet &&
    html`<button class="button" disabled=${first <= 0} title="Older images" onClick=${() => turnTo(first)}>‹<span class="visually-hidden"> older images</span></button>`}
    <ol ref=${list} aria-label="Last images, newest last" onKeyDown=${pressed}>
      ${shown.map(
        (frame) => html`<${Thumb} key=${`${frame.scan}/${frame.number}`} frame=${frame} current=${frame.number === followed} held=${held !== null} learning=${learning} lost=${lost} onHold=${onHold} />`,
      )}
    </ol>
    ${!quiet &&
    html`<button class="button" disabled=${!page} title="Newer images" onClick=${() => turnTo(shown.at(-1).number + SHOWN + 1)}>›<span class="visually-hidden"> newer images</span></button>`}
    ${error && html`<p class="notice bad">${error}</p>`}
  </div>`;
}

function Thumb({ frame, current, held, learning, lost, onHold }) {
  const [tries, setTries] = useState(0);
  useEffect(() => {
    if (tries !== FAILED_ONCE) return undefined;
    const again = setTimeout(() => setTries(AGAIN), AGAIN_MS);
    return () => clearTimeout(again);
  }, [tries]);
  useEffect(() => {
    if (!lost) setTries((before) => Math.min(before, AGAIN));
  }, [lost]);
  const { word, name } = verdictLook(frame.verdict, learning);
  const why = !frame.picture ? "no picture" : tries > AGAIN ? "picture gone" : "";
  return html`<li>
    <button
      class=${`thumb thumb-${name}`}
      data-number=${frame.number}
      tabIndex=${current ? 0 : -1}
      aria-current=${current ? "true" : null}
      aria-pressed=${current && held ? "true" : "false"}
      aria-label=${`Image ${frame.number}, ${word}${why ? `, ${why}` : ""}`}
      title=${frame.sentence}
      onClick=${() => onHold(frame.number)}
    >
      ${why
        ? html`<span class="thumb-none">${why}</span>`
        : html`<img
            key=${tries >= AGAIN}
            alt=""
            loading="lazy"
            decoding="async"
            src=${url(`scans/${encodeURIComponent(frame.scan)}/frames/${frame.number}/image.png?size=${THUMB}`)}
            onError=${() => setTries((before) => before + 1)}
          />`}
      <span class="thumb-number">${frame.number}</span>
      <span class="thumb-said"><${Shape} name=${name} /> <span class="thumb-word">${word}</span></span>
    </button>
  </li>`;
}
