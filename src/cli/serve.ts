/** `avatar-proxy serve`: the service itself. */
import type { Command } from './command.ts';
import { EXIT, type ExitCode } from './exit.ts';

export const serve: Command = {
  name: 'serve',
  summary: 'start the service',
  details: ['As `npm start` does: until SIGTERM, with the configuration of the environment.'],
  options: {},
  hasResults: false,
  async run(): Promise<ExitCode> {
    await import('../main.ts');
    return EXIT.ok;
  },
};
