type Step = () => unknown;

/**
 * Takes steps in turn, those of one turn together: each of them, whatever becomes of the others.
 * @throws AggregateError with all that failed
 */
export async function takeAllSteps(...turns: readonly (readonly Step[])[]): Promise<void> {
  const failures: unknown[] = [];
  for (const steps of turns) {
    const outcomes = await Promise.allSettled(steps.map(async (step) => await step()));
    for (const outcome of outcomes) {
      if (outcome.status === 'rejected') failures.push(outcome.reason);
    }
  }
  if (failures.length > 0) throw new AggregateError(failures, 'not every step was successful');
}
