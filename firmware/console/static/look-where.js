// Which image a finding's place was measured in: in others the fault may be elsewhere, or not seen.

/**
 * @param {{placed_number: number}} finding
 * @param {{number: number}} frame
 */
export function measuredHere(finding, frame) {
  return finding.placed_number === frame.number;
}

/** The finding's place in words, with the image that it was measured in where that is another. */
export function placeWords(finding, frame) {
  if (!finding.place || measuredHere(finding, frame)) return finding.place;
  return `${finding.place}, measured in image ${finding.placed_number}`;
}
