// The networks: which form of which serves on what, why, and what else could have.
import { plain, short } from "./numbers-words.js";
import { html } from "./vendor/htm-preact.mjs";

/** @param {{models: object[]}} props */
export function Models({ models }) {
  return html`<section class="system-models">
    <h2>Networks</h2>
    ${!models.length && html`<p class="panel">No network is configured, or none has told its state yet. Verdicts need none.</p>`}
    <div class="system-grid">${models.map((model) => html`<${Model} key=${model.name} model=${model} />`)}</div>
  </section>`;
}

function Model({ model }) {
  const facts = [
    ["State", `${model.state}${model.reason ? `: ${model.reason}` : ""}`],
    ["Task", model.task],
    ["Form", model.form || "not serving yet"],
    ["Runner", model.runner],
    ["Device", deviceWords(model)],
    ["Why", model.why],
    ["Time", timeWords(Object.entries(model.latency_ms))],
    ["Restarts", String(model.restarts)],
    ["Package", model.sha256 ? `sha256 ${model.sha256.slice(0, 16)}…` : ""],
  ];
  return html`<article class="panel">
    <h3>${model.name} ${model.version}</h3>
    <dl class="facts">${facts.filter(([, said]) => said).map(([what, said]) => html`<dt key=${what}>${what}</dt><dd>${said}</dd>`)}</dl>
    ${model.tried &&
    html`<details>
      <summary>What else could have served</summary>
      <ul>${model.tried.split("\n").map((line) => html`<li key=${line}>${line}</li>`)}</ul>
    </details>`}
    ${model.compile && html`<${Compile} job=${model.compile} />`}
  </article>`;
}

function deviceWords({ actual, requested, real_gpu: gpu }) {
  if (!actual) return "not known yet";
  return `${actual}${requested && requested !== actual ? ` (asked: ${requested})` : ""}${gpu ? "" : ", no GPU"}`;
}

function timeWords(took) {
  if (!took.length) return "not measured: no image yet";
  return took.map(([name, value]) => (name === "n" ? `over ${value} images` : `${name} ${short(value)} ms`)).join(", ");
}

function Compile({ job }) {
  const name = `Plan: ${job.form} for ${job.target}`;
  return html`<p>${name}, ${plain(job.state)}${job.says ? `: ${job.says}` : ""}</p>
    ${job.state === "building" && html`<progress max="1" value=${job.done} aria-label=${name}></progress>`}`;
}
