"""The one sentence of a decision: verdict, reason, first act. Readable from two metres."""

from collections.abc import Mapping, Sequence

from engine.decide.advice import reason_words, table
from engine.types import Finding, Verdict

NO_DETAILS: Mapping[str, str] = {}

WORD = {
    Verdict.OK: "OK",
    Verdict.WARN: "WARNING",
    Verdict.RESCAN: "REPEAT",
    Verdict.CANNOT_JUDGE: "NOT JUDGED",
}


def sentence(
    verdict: Verdict, findings: Sequence[Finding], reasons: Sequence[str], details: Mapping[str, str] = NO_DETAILS
) -> str:
    """The worst finding without a cause of its own speaks; findings come with causes first.

    What only a network sees comes after every reason. `details` has words for reasons that are not in the advice table.
    """
    if verdict is Verdict.OK:
        entry = table()["ok"]
        return f"{WORD[verdict]}: {entry['message']}. {entry['action']}."
    speaking = [finding for finding in findings if finding.severity is verdict] or list(findings)
    if reasons and all(finding.learned for finding in speaking):
        speaking = []
    if verdict is not Verdict.CANNOT_JUDGE and speaking:
        finding = next((f for f in speaking if not f.caused_by), speaking[0])
        return f"{WORD[verdict]}: {finding.message}. {finding.action}."
    entry = table()["cannot_judge"]
    why = "; ".join(dict.fromkeys(reason_words(reason, details.get(reason, "")) for reason in reasons))
    action = f"{entry['action']}." if verdict is Verdict.CANNOT_JUDGE else "Look at the images."
    return f"{WORD[verdict]}: {why[:1].upper()}{why[1:]}. {action}"
