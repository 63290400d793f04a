// What the console says when it refuses, as sentences.

/** @param {Response} answer one that is not ok */
export async function refusalSentence(answer) {
  try {
    const said = await answer.json();
    return [said.what, said.mend].filter(Boolean).map(asSentence).join(" ");
  } catch {
    return `The appliance answered with status ${answer.status}.`;
  }
}

function asSentence(text) {
  const begun = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(begun) ? begun : `${begun}.`;
}
