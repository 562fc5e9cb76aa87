#!/usr/bin/env node
/** The process of the command line: streams, Ctrl-C and the exit code. */
import { runCommandLine } from './command-line.ts';
import { EXIT } from './exit.ts';

const args = process.argv.slice(2);

process.stdout.on('error', ({ code, message }: NodeJS.ErrnoException) => {
  if (code === 'EPIPE') leave();
  process.stderr.write(`the results cannot be written: ${message}\n`);
  process.exit(EXIT.failed);
});
process.stderr.on('error', leave);

process.exitCode = await runCommandLine(args, {
  variables: process.env,
  results: process.stdout,
  remarks: process.stderr,
  interruption,
});
if (process.exitCode === EXIT.interrupted) {
  await Promise.all([process.stdout, process.stderr].map(written));
  // A connection to what hangs would keep the process until its time is over.
  process.exit();
}

async function written(stream: NodeJS.WriteStream): Promise<void> {
  await new Promise<void>((resolve) => stream.write('', () => resolve()));
}

/** Whoever read this has seen enough, as of a help by `| head`; of avatars or a setup it says nothing yet. */
function leave(): never {
  const [name = 'help'] = args;
  const isHelp = args.some((each) => each === '--help' || each === '-h');
  const isToBeRead = isHelp || ['help', '--version', 'config'].includes(name);
  process.exit(process.exitCode ?? (isToBeRead ? EXIT.ok : EXIT.failed));
}

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
