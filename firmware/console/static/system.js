// The appliance itself: its stages, how long they take, what they count, its networks, its record.
import { duration } from "./clock.js";
import { Models } from "./system-models.js";
import { silenceWords } from "./silence.js";
import { plain, short } from "./numbers-words.js";
import { useStore } from "./store.js";
import { useTick } from "./tick.js";
import { html } from "./vendor/htm-preact.mjs";

const TICK_MS = 1000;
/** s without progress from which on a stage is said to wait. */
const WAITS_S = 5;
/** What a counter must have in its name to say that something was lost. */
const LOSSES = /drop|lost|refused|not_|failed|fault|stall|too_large|unreadable|timeout|disconnect|jump/;

/** @returns the view `#/system` */
export default function System() {
  const health = useStore((state) => state.health);
  const models = useStore((state) => state.models);
  const now = useStore((state) => state.now);
  const lost = useStore((state) => state.lost);
  const fresh = useStore((state) => state.fresh);
  const why = useStore(silenceWords);
  useTick(TICK_MS);
  return html`<div class="system">
    <h1 class="view-title">System</h1>
    ${lost &&
    html`<p class="notice bad">
      ${why} What stands here was told${Number.isFinite(fresh) ? ` ${duration((performance.now() - fresh) / 1000)} ago` : " earlier"}.
    </p>`}
    ${!health
      ? html`<p class="notice">The appliance has not told its state yet.</p>`
      : html`<div class="system-grid">
          <${Problems} problems=${health.problems} />
          <${Record} health=${health} />
          <${Facts} health=${health} now=${now} />
          <${Stages} health=${health} />
          <${Latency} latency=${health.latency_ms} />
          <${Counters} counters=${health.counters} />
        </div>`}
    <${Models} models=${Object.values(models)} />
  </div>`;
}

function Problems({ problems }) {
  const all = Object.entries(problems);
  return html`<section class="panel">
    <h2>Problems</h2>
    ${all.length
      ? html`<ul class="stack">${all.map(([part, said]) => html`<li key=${part} class="notice bad"><strong>${plain(part)}:</strong> ${said}</li>`)}</ul>`
      : html`<p>No part reports any.</p>`}
  </section>`;
}

/** What is kept on disk, and what leaves by the broker. */
function Record({ health: { broker, disk, queues, problems } }) {
  const waits = Object.entries(queues);
  return html`<section class="panel">
    <h2>Broker, disk and queues</h2>
    <dl class="facts">
      <dt>Broker</dt><dd>${broker}${problems.mqtt ? `: ${problems.mqtt}` : ""}</dd>
      <dt>Record</dt><dd>${problems.journal || "recording"}</dd>
      <dt>Disk</dt><dd>${mebibytes(disk.free_mib)} free</dd>
      <dt>Journal</dt><dd>${mebibytes(disk.journal_mib)}</dd>
      <dt>Pictures</dt><dd>${mebibytes(disk.pictures_mib)}</dd>
      ${waits.map(([queue, count]) => html`<dt key=${queue}>Waiting, ${plain(queue)}</dt><dd>${count}</dd>`)}
    </dl>
  </section>`;
}

function mebibytes(amount) {
  return amount >= 1024 ? `${short(amount / 1024)} GiB` : `${short(amount)} MiB`;
}

function Facts({ health, now }) {
  return html`<section class="panel">
    <h2>Appliance</h2>
    <dl class="facts">
      ${now && html`<dt>Name</dt><dd>${now.appliance}</dd><dt>Version</dt><dd>${now.version}</dd><dt>Start</dt><dd>number ${now.session}</dd>`}
      <dt>Backend</dt><dd>${health.backend || "not told"}</dd>
      <dt>Priority</dt><dd>${health.priority_raised ? "raised" : "not raised: the system refused, or it was not asked for"}</dd>
      <dt>Told</dt><dd>${health.time ? new Date(health.time).toLocaleTimeString("en-GB") : "at no known time"}</dd>
    </dl>
  </section>`;
}

function Stages({ health }) {
  const stages = Object.entries(health.seconds_since_progress);
  return html`<section class="panel">
    <h2>Last progress of each stage</h2>
    ${stages.length
      ? html`<dl class="facts">
          ${stages.map(
            ([stage, seconds]) => html`<dt key=${stage}>${plain(stage)}</dt>
              <dd>${duration(seconds)} ago${seconds >= WAITS_S ? ", waiting" : ""}</dd>`,
          )}
        </dl>`
      : html`<p>not measured: no stage has worked yet</p>`}
  </section>`;
}

function Latency({ latency }) {
  const stages = Object.entries(latency);
  const columns = [...new Set(stages.flatMap(([, values]) => Object.keys(values)))];
  return html`<section class="panel">
    <h2>Time that each stage takes</h2>
    ${stages.length
      ? html`<table class="table">
          <thead>
            <tr>${["Stage", ...columns].map((column) => html`<th scope="col" key=${column}>${column}</th>`)}</tr>
          </thead>
          <tbody>
            ${stages.map(
              ([stage, values]) => html`<tr key=${stage}>
                <th scope="row">${plain(stage)}</th>
                ${columns.map((column) => html`<td key=${column}>${column in values ? milliseconds(column, values[column]) : "not measured"}</td>`)}
              </tr>`,
            )}
          </tbody>
        </table>`
      : html`<p>not measured: no image was judged yet</p>`}
  </section>`;
}

/** How many were measured is no time. */
function milliseconds(column, value) {
  return /^(n|count)$/.test(column) ? String(value) : `${short(value)} ms`;
}

function Counters({ counters }) {
  const all = Object.entries(counters).sort(([a], [b]) => (a < b ? -1 : 1));
  const losses = all.filter(([name, count]) => LOSSES.test(name) && count > 0);
  const others = all.filter((entry) => !losses.includes(entry));
  return html`<section class="panel system-counters">
    <h2>Counters and drops</h2>
    ${losses.length > 0 && html`<h3>Something was dropped or refused</h3><${CounterList} counters=${losses} />`}
    <h3>${losses.length ? "The others" : "Nothing was dropped"}</h3>
    ${others.length ? html`<${CounterList} counters=${others} />` : html`<p>nothing counted yet</p>`}
  </section>`;
}

function CounterList({ counters }) {
  return html`<dl class="facts counters">${counters.map(([name, count]) => html`<dt key=${name}>${plain(name)}</dt><dd>${count}</dd>`)}</dl>`;
}
