// The picture with its tools, its evidence in k-space and coil elements, and what was found beside it.
import { useKeys } from "./keys.js";
import { Elements } from "./look-elements.js";
import { lookKeys } from "./look-keys.js";
import { KSpace } from "./look-kspace.js";
import { Reading } from "./look-reading.js";
import { indexWords, Side } from "./look-side.js";
import { Stage } from "./look-stage.js";
import { useLookState } from "./look-state.js";
import { Tools } from "./look-tools.js";
import { placeWords } from "./look-where.js";
import { verdictLook } from "./words.js";
import { html, useState } from "./vendor/htm-preact.mjs";

/** @param {object} props what useLookState takes */
export function LookBody(props) {
  const state = useLookState(props);
  useKeys(lookKeys(state));
  const { scan, detail } = props.shown;
  const { kspace, elements } = state.evidence;
  const picture = detail?.picture;
  const evidence = picture && { scan, frame: detail.frame, picture, findings: detail.findings };
  return html`<div class="look-body">
    <${Tools} state=${state} />
    <div class="look-panes">
      <${Main} shown=${props.shown} state=${state} />
      ${evidence &&
      (kspace || elements) &&
      html`<div class="look-evidence" tabindex="0" role="region" aria-label="Evidence: coil elements and k-space">
        ${elements && html`<${Elements} ...${evidence} />`} ${kspace && html`<${KSpace} ...${evidence} />`}
      </div>`}
    </div>
    ${detail && html`<${Side} detail=${detail} />`}
  </div>`;
}

function Main({ shown, state }) {
  const [point, setPoint] = useState(null);
  const { detail, image, processed, error } = shown;
  const picture = detail?.picture;
  if (!image || !picture) {
    const why = error || (detail && asSentence(detail.why_no_picture || "this image has no picture")) || "The picture is being fetched.";
    return html`<section class="look-main" aria-label="Picture"><div class="look-stage look-empty"><p class="notice">${why}</p></div></section>`;
  }
  return html`<section class="look-main" aria-label="Picture">
    <${Stage}
      image=${image}
      processed=${processed}
      picture=${picture}
      view=${state.view}
      setView=${state.setView}
      window=${state.window}
      half=${state.half}
      dragging=${state.dragging}
      findings=${state.where ? detail.findings : null}
      frame=${detail.frame}
      onPoint=${setPoint}
      onRoom=${(size) => (state.room.current = size)}
      label=${pictureWords(detail, state.compare)}
    >
      <${Reading} window=${state.window} own=${state.view.window !== null} view=${state.view} point=${point} picture=${picture} />
      <p class="look-note">${noteWords(picture, state)}</p>
    <//>
    ${state.compare === "split" &&
    html`<label class="look-split">
      <span>Original</span>
      <input
        type="range"
        min="0"
        max="100"
        value=${state.share}
        aria-label="Share of the picture that shows the original"
        onInput=${(event) => state.setShare(Number(event.target.value))}
      />
      <span>Processed</span>
    </label>`}
  </section>`;
}

function asSentence(text) {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}${text.endsWith(".") ? "" : "."}`;
}

function noteWords(picture, { compare, noProcessed }) {
  if (noProcessed) return noProcessed;
  const by = `processed by ${picture.processed_by || "a network"}`;
  return { image: "original", processed: `${by}; the verdict is of the original`, split: `left original, right ${by}` }[compare];
}

function pictureWords(detail, compare) {
  const { frame, findings, picture } = detail;
  const found = findings.map((finding) => (finding.place ? `${finding.message} (${placeWords(finding, frame)})` : finding.message)).join("; ");
  const view = picture.place.view === "unknown" ? "" : `, ${picture.place.view}`;
  const side = { image: "original", processed: "processed", split: "original and processed" }[compare];
  return `Image ${frame.number}, ${indexWords(frame)}${view}, ${side}. ${verdictLook(frame.verdict).word}. ${found}`;
}
