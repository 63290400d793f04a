// The console's HTTP interface: every request ends, and what goes wrong is a sentence.
import { useEffect, useState } from "./vendor/htm-preact.mjs";
import { refusalSentence } from "./refusal.js";
import { state } from "./store.js";

const TIMEOUT_MS = 8000;
/** ms until what failed for the moment only is asked for again. */
export const RETRY_MS = 2000;
/** Not now, by itself another time. */
const UNAVAILABLE = 503;

/** What went wrong, as a sentence; status 0: no answer; passing: the same question may be answered in a moment. */
export class ApiError extends Error {
  constructor(sentence, status = 0) {
    super(sentence);
    this.status = status;
    this.passing = status === 0 || status === UNAVAILABLE;
  }
}

export function url(path) {
  return `/api/v1/${path}`;
}

async function request(path, options, read) {
  const { signal, timeout_ms = TIMEOUT_MS, ...rest } = options;
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(), timeout_ms);
  signal?.addEventListener("abort", () => stop.abort());
  if (signal?.aborted) stop.abort();
  try {
    const answer = await fetch(url(path), { ...rest, signal: stop.signal });
    if (!answer.ok) throw new ApiError(await refusalSentence(answer), answer.status);
    return await read(answer);
  } catch (error) {
    if (error instanceof ApiError || signal?.aborted) throw error;
    const why = stop.signal.aborted ? `did not answer within ${timeout_ms / 1000} s` : "cannot be reached";
    throw new ApiError(`The appliance ${why}. Try again when the connection is back.`);
  } finally {
    clearTimeout(timer);
  }
}

/** JSON of a path below /api/v1/. */
export function get(path, options = {}) {
  return request(path, options, (answer) => answer.json());
}

/** Bytes and headers of a path below /api/v1/. */
export function getBuffer(path, options = {}) {
  return request(path, options, async (answer) => ({ buffer: await answer.arrayBuffer(), headers: answer.headers }));
}

/** Send a note; gives what was recorded. */
export function post(path, body) {
  const headers = { "Content-Type": "application/json", "X-Scanside-Token": state().now?.token ?? "" };
  return request(path, { method: "POST", headers, body: JSON.stringify(body) }, (answer) => answer.json());
}

/**
 * What a path gives, for a component: the stale request is stopped, the old data stay while the new ones come, and what
 * failed for the moment only is asked for again.
 * @param {string | null} path null: nothing is asked for
 * @param {unknown} [refresh] asked again when it changes
 * @returns {{data: any, error: ApiError | null, loading: boolean}}
 */
export function useFetch(path, refresh = 0) {
  const [got, setGot] = useState({ path: null, data: null, error: null, loading: true });
  useEffect(() => {
    if (path === null) return undefined;
    const stop = new AbortController();
    let again = 0;
    const failed = (error) => {
      if (stop.signal.aborted) return;
      setGot((before) => ({ ...before, path, error, loading: false }));
      if (error.passing) again = setTimeout(ask, RETRY_MS);
    };
    const ask = () =>
      get(path, { signal: stop.signal }).then(
        (data) => stop.signal.aborted || setGot({ path, data, error: null, loading: false }),
        failed,
      );
    setGot((before) => ({ ...before, data: before.path === path ? before.data : null, path, loading: true }));
    ask();
    return () => {
      clearTimeout(again);
      stop.abort();
    };
  }, [path, refresh]);
  return got.path === path ? got : { data: null, error: null, loading: path !== null };
}
