// What of a series still asks for a person's attention: causes only, their consequences go with them.

function causes(series) {
  const alive = new Set(series.findings.map(({ finding }) => finding));
  return series.findings.filter(({ caused_by }) => !alive.has(caused_by));
}

/** Findings alive that nobody has acknowledged. */
export function unacknowledged(series) {
  return causes(series).filter(({ finding, severity }) => severity !== "ok" && !series.acknowledged.includes(finding));
}

/** Those of them that ask for a repeat of a series that still runs. */
export function alarming(series) {
  if (series.ended || !series.alerting || series.verdict !== "rescan") return [];
  return unacknowledged(series).filter(({ severity }) => severity === "rescan");
}
