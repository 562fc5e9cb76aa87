/** The process: configuration in, listeners up, drained and closed on SIGTERM. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { type App, buildApp } from './app.ts';
import { ConfigError } from './config/error.ts';
import { type Config, loadConfig } from './config/load.ts';
import { tuneHeap } from './heap.ts';
import { listen, PortTaken } from './listening.ts';
import { openLog } from './telemetry/log.ts';

/** EX_CONFIG of sysexits.h: restarting does not help until somebody has mended the configuration. */
const EXIT_CONFIG = 78;

tuneHeap();
await main().catch(giveUp);

async function main(): Promise<void> {
  const config = await loadConfig(process.env);
  const log = openLog(config.logLevel);
  writeOnExit(log);
  const { logger } = log;
  const app = await buildApp(config, log);
  stopOnSignals(app, config, logger);
  for (const name of config.unknownVariables) logger.warn({ variable: name }, 'unknown variable');
  if (config.admin !== undefined) {
    await listen(app.admin, config.admin, { host: 'ADMIN_HOST', port: 'ADMIN_PORT' });
  }
  // Last, since whoever is let in should not be turned out again.
  const address = await listen(app.server, config.listener, { host: 'HOST', port: 'PORT' });
  announce(address, config, logger);
}

/** What operators can mend is said in words; all else is ours, and has its stack in the log. */
function giveUp(error: unknown): never {
  if (!(error instanceof ConfigError || error instanceof PortTaken)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exit(error instanceof ConfigError ? EXIT_CONFIG : 1);
}

/** Whatever ends the process, what was said before is written. */
function writeOnExit(log: ReturnType<typeof openLog>): void {
  process.once('uncaughtException', (error) => {
    log.logger.fatal({ err: error }, 'this should not have happened');
    process.exit(1);
  });
  process.on('exit', () => log.flushSync());
}

/** Readiness off, and the balancers have time to see it; then no new connections; then the end. */
function stopOnSignals(app: App, config: Config, logger: Logger): void {
  let isStopping = false;
  const stop = async (signal: string): Promise<void> => {
    // A second signal is somebody in a hurry.
    if (isStopping) process.exit(1);
    isStopping = true;
    logger.info({ signal, drainMs: config.drainMs }, 'draining');
    app.drain();
    await sleep(config.drainMs);
    await app.close();
    logger.info('stopped');
    process.exit(0);
  };
  process.on('SIGTERM', (signal) => void stop(signal));
  process.on('SIGINT', (signal) => void stop(signal));
}

function announce(address: string, config: Config, logger: Logger): void {
  logger.info({ address, admin: config.admin, demo: config.isDemo }, 'serving');
  if (!config.isDemo) return;
  const { port } = new URL(address);
  const base = `http://localhost:${port}${config.basePath}/user_avatar`;
  process.stderr.write(
    [
      '',
      'AVATAR_ORIGINALS is not set: serving the bundled demo avatars only. Have a look:',
      `  ${base}/meta.discourse.org/jongnam/90/52330_1.png`,
      `  ${base}/demo/owl/240/2.png`,
      `  ${base}/demo/sideways/144/6.png`,
      '',
      '',
    ].join('\n'),
  );
}
