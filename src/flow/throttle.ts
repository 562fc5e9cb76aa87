/**
 * Reports, once in a while, events that may happen a thousand times a second.
 * @param report is told the first of them, then at most one in `everyMs`, and how many were left out
 */
export function throttle<Event>(
  everyMs: number,
  report: (event: Event, leftOut: number) => void,
  now: () => number = () => performance.now(),
): (event: Event) => void {
  let silentUntil = -Infinity;
  let leftOut = 0;
  return (event) => {
    if (now() < silentUntil) {
      leftOut += 1;
      return;
    }
    silentUntil = now() + everyMs;
    report(event, leftOut);
    leftOut = 0;
  };
}
