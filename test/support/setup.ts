import fc from 'fast-check';

/**
 * The same generated cases in every run, so that what is red is red for a change. Another seed looks
 * further: `FUZZ_SEED=$RANDOM npm test`.
 */
fc.configureGlobal({ seed: Number(process.env['FUZZ_SEED'] ?? 42) });
