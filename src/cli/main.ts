#!/usr/bin/env node
/** The process of the command line: streams, Ctrl-C and the exit code. */
import { runCommandLine } from './command-line.ts';
import { EXIT } from './exit.ts';

process.stdout.on('error', ({ code, message }: NodeJS.ErrnoException) => {
  // Whoever read this has seen enough: `| head`.
  if (code === 'EPIPE') process.exit(EXIT.ok);
  process.stderr.write(`the results cannot be written: ${message}\n`);
  process.exit(EXIT.failed);
});

process.exitCode = await runCommandLine(process.argv.slice(2), {
  variables: process.env,
  results: process.stdout,
  remarks: process.stderr,
  interruption,
});

function interruption(): AbortSignal {
  const controller = new AbortController();
  const stop = (): void => {
    // A second signal is somebody in a hurry; all that is kept is kept already.
    if (controller.signal.aborted) process.exit(EXIT.interrupted);
    controller.abort(new Error('interrupted'));
  };
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
  return controller.signal;
}
