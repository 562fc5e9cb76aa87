/** What the templates for compose, Kubernetes and AWS have in common. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Config, loadConfig } from '../../src/config/load.ts';
import { EnvironmentSchema } from '../../src/config/schema.ts';

export const DEPLOY = join(import.meta.dirname, '..', '..', 'deploy');

export function readTemplate(name: string): string {
  return readFileSync(join(DEPLOY, name), 'utf8');
}

/** Read by the AWS SDK or by Node. */
const OF_OTHERS = /^(?:AWS_[A-Z_]+|NODE_ENV|UV_THREADPOOL_SIZE)$/;

/**
 * The configuration as the service would see it.
 * @throws Error when a value is wrong, or nobody reads the variable
 */
export async function configurationOf(variables: Record<string, string>): Promise<Config> {
  const ours = Object.entries(variables).filter(([name]) => !OF_OTHERS.test(name));
  const config = await loadConfig(Object.fromEntries(ours));
  const known = new Set(Object.keys(EnvironmentSchema.properties));
  const unknown = ours.map(([name]) => name).filter((name) => !known.has(name));
  if (unknown.length > 0) throw new Error(`nobody reads ${unknown.join(', ')}`);
  return config;
}
