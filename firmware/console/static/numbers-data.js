// The trends and the findings of a scan, asked for again as frames come, but never faster than they are answered.
import { useFetch } from "./api.js";
import { useEffect, useRef, useState } from "./vendor/htm-preact.mjs";

/** More than a small chart has pixels. */
const POINTS = 400;
/** ms between two requests at least, and so many times what the last one took. */
const PACE_MS = 1000;
const PACE = 10;

/**
 * @param {string|null} path of the scan
 * @param {string} news changes when there is something new to ask for
 * @returns {{trends: object|null, page: object|null, error: string}}
 */
export function useNumbers(path, news) {
  const [asked, ask] = useState(news);
  const pace = useRef({ at: performance.now(), took: 0 });
  const trends = useFetch(path && `${path}/trends?points=${POINTS}`, asked);
  const page = useFetch(path, asked);
  const loading = trends.loading || page.loading;
  useEffect(() => {
    const now = performance.now();
    if (loading) pace.current.at = now;
    else pace.current.took = now - pace.current.at;
  }, [loading, asked]);
  useEffect(() => {
    if (loading || news === asked) return undefined;
    const pause = Math.max(PACE_MS, PACE * pace.current.took) - (performance.now() - pace.current.at);
    const timer = setTimeout(ask, Math.max(pause, 0), news);
    return () => clearTimeout(timer);
  }, [news, asked, loading]);
  return { trends: trends.data, page: page.data, error: (trends.error ?? page.error)?.message ?? "" };
}
