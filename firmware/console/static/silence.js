// Who is silent while no beat comes: the judging loop, the process that serves this page, or only the stream.

const ADDRESS = "/api/v1/health";
/** ms that an answer may take, so that it is known when the page says that it has lost the appliance. */
const PATIENCE_MS = 500;
/** The loop says at least twice a second that it lives. */
const SILENT_S = 1;

const SAID = {
  loop: "The judging loop gives no sign of life.",
  page: "The page's own process gives no sign of life.",
  stream: "The appliance is alive, but its news do not reach this page.",
};

/** @returns {Promise<"loop"|"page"|"stream">} */
export async function whoIsSilent() {
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(), PATIENCE_MS);
  try {
    const answer = await fetch(ADDRESS, { signal: stop.signal, cache: "no-store" });
    return (await answer.json()).loop_silent_s > SILENT_S ? "loop" : "stream";
  } catch {
    return "page";
  } finally {
    clearTimeout(timer);
  }
}

/** Why the page has lost the appliance, as a sentence: what the console said, else who is silent. */
export function silenceWords({ link, silent }) {
  return link.why || SAID[silent] || "The appliance gives no sign of life.";
}
