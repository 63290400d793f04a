// The numbers as a table: the same rows in the same order, for whoever reads rather than looks.
import { limitWords, missingWords, rowName, valueWords } from "./numbers-groups.js";
import { Badge } from "./shapes.js";
import { html } from "./vendor/htm-preact.mjs";

const COLUMNS = ["Row", "Measurement", "Found", "Last value", "Limits, and where they come from", "Not measured"];

/** @param {{groups: {name: string, rows: {trend: object, severity: string}[]}[]}} props */
export function NumbersTable({ groups }) {
  return html`<div class="numbers-table" tabindex="0" role="region" aria-label="Every measurement">
    <table class="table">
      <caption class="visually-hidden">Every measurement with its last value and its limits</caption>
      <thead>
        <tr>${COLUMNS.map((column) => html`<th scope="col" key=${column}>${column}</th>`)}</tr>
      </thead>
      ${groups.map(
        ({ name, rows }) => html`<tbody key=${name}>
          <tr><th scope="rowgroup" colspan=${COLUMNS.length}>${name}</th></tr>
          ${rows.map(({ trend, severity }) => html`<tr key=${trend.info.row}>
            <td>${trend.info.row}</td>
            <th scope="row">${rowName(trend)}</th>
            <td>${severity && html`<${Badge} verdict=${severity} />`}</td>
            <td>${valueWords(trend)}</td>
            <td>${limitWords(trend).map(({ what, source }) => html`<div key=${what}>${what}${source ? `: ${source}` : ""}</div>`)}</td>
            <td>${missingWords(trend)}</td>
          </tr>`)}
        </tbody>`,
      )}
    </table>
  </div>`;
}
