// The past: every recorded scan, newest first, by protocol, verdict and day.
import { html, useEffect, useRef, useState } from "./vendor/htm-preact.mjs";
import { get } from "./api.js";
import { clockTime, dayAndTime } from "./clock.js";
import { scanHref } from "./router.js";
import { Badge } from "./shapes.js";
import { imagesOf, protocolName, VERDICTS, verdictLook, withoutVerdict } from "./words.js";

const PAGE = 50;
/** Scans shown at once; who wants older ones asks for fewer. */
const MOST = 1000;

const NOTHING = { scans: [], next: "", dropped: [] };

/** What was asked last, so that coming back from a scan finds the list as it was. */
let asked = { protocol: "", verdict: "", after: "", before: "" };

export default function Past() {
  const [query, setQuery] = useState(asked);
  const [found, setFound] = useState(NOTHING);
  const [loading, setLoading] = useState(true);
  const [wrong, setWrong] = useState(null);
  /** What stops the requests of the query. */
  const stop = useRef(null);

  /** The first scans of the query, or those that follow a cursor. */
  function load(cursor) {
    const { signal } = stop.current;
    setLoading(true);
    setWrong(null);
    get(`scans?${parameters(query, cursor)}`, { signal }).then(
      (page) => {
        if (signal.aborted) return;
        setFound((before) => ({ ...page, scans: cursor ? [...before.scans, ...page.scans].slice(0, MOST) : page.scans }));
        setLoading(false);
      },
      (error) => {
        if (signal.aborted) return;
        if (!cursor) setFound(NOTHING);
        setWrong({ message: error.message, cursor });
        setLoading(false);
      },
    );
  }
  useEffect(() => {
    asked = query;
    stop.current = new AbortController();
    load("");
    return () => stop.current.abort();
  }, [query]);

  const more = found.next && found.scans.length < MOST;
  return html`<div class="stack list-view">
    <h1>Past scans</h1>
    <${Search} query=${query} onSearch=${setQuery} />
    ${found.dropped.map((note) => html`<p class="notice" key=${note.sequence}>${dayAndTime(note.time)}: ${note.text}</p>`)}
    ${wrong && html`<p class="notice bad" role="alert">${wrong.message} <button class="button" type="button" onClick=${() => load(wrong.cursor)}>Try again</button></p>`}
    <p class="quiet" role="status">${loading ? "Looking it up" : wrong && !found.scans.length ? "" : summary(found, query)}</p>
    ${found.scans.length > 0 && html`<${ScanTable} scans=${found.scans} />`}
    ${more && html`<p><button class="button" type="button" disabled=${loading} onClick=${() => load(found.next)}>Older scans</button></p>`}
    ${found.next && !more && html`<p class="quiet">Only the newest ${MOST} are listed: search by day for older ones.</p>`}
  </div>`;
}

function summary({ scans, next }, query) {
  if (scans.length > 0) return `${scans.length}${next ? " newest" : ""} ${scans.length === 1 ? "scan" : "scans"}`;
  return Object.values(query).some(Boolean) ? "No recorded scan is like that." : "No scan has been recorded yet.";
}

/** s since 1970 of a time of the reader's own day. */
function seconds(local) {
  return String(Date.parse(local) / 1000);
}

function parameters({ protocol, verdict, after, before }, cursor) {
  const wanted = new URLSearchParams({ limit: String(PAGE) });
  if (protocol) wanted.set("protocol", protocol);
  if (verdict) wanted.set("verdict", verdict);
  if (after) wanted.set("after", seconds(`${after}T00:00:00`));
  if (before) wanted.set("before", seconds(`${before}T23:59:59.999`));
  if (cursor) wanted.set("cursor", cursor);
  return wanted;
}

function Search({ query, onSearch }) {
  const submit = (event) => {
    event.preventDefault();
    onSearch(Object.fromEntries([...new FormData(event.target)].map(([name, value]) => [name, value.trim()])));
  };
  const clear = () => onSearch({ protocol: "", verdict: "", after: "", before: "" });
  return html`<form class="row search panel" role="search" aria-label="Past scans" onSubmit=${submit} key=${JSON.stringify(query)}>
    <label>Protocol <input name="protocol" type="search" maxlength="100" autocomplete="off" defaultValue=${query.protocol} /></label>
    <label>Verdict <select name="verdict" defaultValue=${query.verdict}>
      <option value="">any</option>
      ${VERDICTS.map((verdict) => html`<option key=${verdict} value=${verdict} selected=${verdict === query.verdict}>${verdictLook(verdict).word}</option>`)}
    </select></label>
    <label>From <input name="after" type="date" defaultValue=${query.after} /></label>
    <label>To <input name="before" type="date" defaultValue=${query.before} /></label>
    <button class="button" type="submit">Search</button>
    <button class="button" type="button" onClick=${clear}>All</button>
  </form>`;
}

function ScanTable({ scans }) {
  return html`<table class="table panel">
    <caption class="visually-hidden">Recorded scans, newest first</caption>
    <thead><tr><th scope="col">Began</th><th scope="col">Protocol</th><th scope="col">Verdict</th><th scope="col">Why</th><th scope="col">Images</th></tr></thead>
    <tbody>${scans.map(
      (one) => html`<tr key=${one.scan}>
        <td class="number">${dayAndTime(one.began)}</td>
        <th scope="row"><a href=${scanHref(one.scan)}>${protocolName(one)}</a></th>
        <td>${one.verdict ? html`<${Badge} verdict=${one.verdict} />` : "none"}${one.opinion && html`<div class="quiet">a person: ${one.opinion}</div>`}</td>
        <td>${withoutVerdict(one.sentence)}</td>
        <td class="number">${imagesOf(one.frames, one.frames_expected)}${one.ended ? "" : `, running since ${clockTime(one.began)}`}</td>
      </tr>`,
    )}</tbody>
  </table>`;
}
