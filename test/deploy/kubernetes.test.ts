import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Deployment } from 'kubernetes-types/apps/v1.d.ts';
import type { HorizontalPodAutoscaler } from 'kubernetes-types/autoscaling/v2.d.ts';
import type { ConfigMap, Service } from 'kubernetes-types/core/v1.d.ts';
import type { NetworkPolicy } from 'kubernetes-types/networking/v1.d.ts';
import type { PodDisruptionBudget } from 'kubernetes-types/policy/v1.d.ts';
import { describe, expect, it, onTestFinished } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { findProgram } from '../support/programs.ts';
import { configurationOf, DEPLOY, readTemplate } from './templates.ts';

type Manifest = { readonly apiVersion: string; readonly kind: string };

/** Of monitoring.coreos.com/v1. */
type PodMonitor = {
  readonly spec: {
    readonly jobLabel: string;
    readonly selector: { readonly matchLabels: Readonly<Record<string, string>> };
    readonly podMetricsEndpoints: ReadonlyArray<{ readonly port: string }>;
  };
};

/** What there is one of. */
type Kinds = {
  ConfigMap: ConfigMap;
  Deployment: Deployment;
  HorizontalPodAutoscaler: HorizontalPodAutoscaler;
  NetworkPolicy: NetworkPolicy;
  PodDisruptionBudget: PodDisruptionBudget;
  Service: Service;
};

const FOLDER = join(DEPLOY, 'kubernetes');
const files = await readdir(FOLDER);
const manifests = files.flatMap((file) => documentsOf(readTemplate(`kubernetes/${file}`)));

const deployment = only('Deployment');
const pod = deployment.spec?.template.spec;
const container = pod?.containers[0];
const config = only('ConfigMap').data ?? {};

describe('the manifests for Kubernetes', () => {
  it('are what its interface describes, to the last field', async () => {
    expect(await complaints(manifests)).toBe('');
    const spoilt = JSON.stringify(manifests)
      .replace('readinessProbe', 'readynessProbe')
      .replace(/"maxReplicas":\d+,/, '');
    const found = await complaints(JSON.parse(spoilt));
    expect(found).toContain(`'"readynessProbe"' does not exist`);
    expect(found).toContain("'maxReplicas' is missing");
  });

  it('set what the service reads', async () => {
    const { originals, hosts, sizes, drainMs, deadlineMs } = await configurationOf(config);
    expect(originals).toMatchObject([{ kind: 's3' }]);
    // Else anybody could fill the bucket of variants.
    expect([hosts?.size, Array.isArray(sizes)]).toEqual([1, true]);
    const graceMs = (pod?.terminationGracePeriodSeconds ?? 0) * 1000;
    expect(graceMs).toBeGreaterThan(drainMs + deadlineMs);
  });

  it('leave out of the environment what looks like settings of ours: the addresses of Services', () => {
    const prefix = `${only('Service').metadata?.name?.toUpperCase().replaceAll('-', '_')}_`;
    expect(prefix.startsWith('AVATAR_')).toBe(true);
    expect(pod?.enableServiceLinks).toBe(false);
  });

  it('take every right from the container that can be taken', () => {
    expect(pod?.securityContext).toMatchObject({
      runAsNonRoot: true,
      seccompProfile: { type: 'RuntimeDefault' },
    });
    expect(container?.securityContext).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    });
    expect(pod?.automountServiceAccountToken).toBe(false);
    expect(pod?.volumes).toBeUndefined();
  });

  it('ask what lives and what is ready on the port of the service', async () => {
    const { listener, admin } = await configurationOf(config);
    const portOf = (name: unknown): number | undefined =>
      container?.ports?.find((port) => port.name === name)?.containerPort;
    expect(container?.livenessProbe?.httpGet?.path).toBe('/healthz');
    expect(container?.startupProbe?.httpGet?.path).toBe('/healthz');
    // Where all pods fail as one, the Service has no endpoints: `test/http/health.test.ts` tells when this one does.
    expect(container?.readinessProbe?.httpGet?.path).toBe('/servez');
    const { livenessProbe, readinessProbe, startupProbe } = container ?? {};
    for (const probe of [livenessProbe, readinessProbe, startupProbe]) {
      expect(portOf(probe?.httpGet?.port)).toBe(listener.port);
    }
    expect(portOf('admin')).toBe(admin?.port);
    const published = only('Service').spec?.ports ?? [];
    expect(published.map(({ targetPort }) => targetPort)).toEqual(['http']);
  });

  it('let everybody ask for avatars, and Prometheus alone for the rest', async () => {
    const { admin, trustedProxies } = await configurationOf(config);
    // Of all addresses of the pod.
    expect(admin?.host).toBe('0.0.0.0');
    const { podSelector, policyTypes, ingress = [] } = only('NetworkPolicy').spec ?? {};
    expect(podSelector?.matchLabels).toEqual(deployment.spec?.template.metadata?.labels);
    expect(policyTypes).toEqual(['Ingress']);
    expect(ingress).toEqual([
      { ports: [{ port: 'http' }] },
      {
        ports: [{ port: 'admin' }],
        from: [
          {
            namespaceSelector: {},
            podSelector: { matchLabels: { 'app.kubernetes.io/name': 'prometheus' } },
          },
        ],
      },
    ]);
    // Else the ingress would be the only client there is, and nobody have to take turns.
    expect(trustedProxies).toBe(1);
  });

  it('are not scraped a second time under another name, by their annotations', () => {
    expect(deployment.spec?.template.metadata?.annotations).toBeUndefined();
  });

  const promtool = findProgram('promtool');
  it.skipIf(promtool === undefined)(
    'are found by Prometheus as the job that the alerts ask for, at the port for operators',
    async () => {
      const labels = Object.entries(deployment.spec?.template.metadata?.labels ?? {});
      const ofPod = Object.fromEntries(
        labels.map(([name, value]) => [
          `__meta_kubernetes_pod_label_${name.replaceAll(/\W/g, '_')}`,
          value,
        ]),
      );
      // Debian's Prometheus knows no Kubernetes: what it would find is written into the configuration.
      const phases = ['Running', 'Failed', 'Succeeded'];
      const found = phases.flatMap((phase, pod) =>
        container?.ports?.map(({ name, containerPort }) => ({
          targets: [`10.0.0.${pod + 1}:${containerPort}`],
          labels: {
            ...ofPod,
            __meta_kubernetes_namespace: 'forum',
            __meta_kubernetes_pod_name: 'avatar-proxy-x',
            __meta_kubernetes_pod_phase: phase,
            __meta_kubernetes_pod_container_port_name: name,
          },
        })),
      );
      expect(found).toHaveLength(6);
      const discovery = /kubernetes_sd_configs:\n +- role: pod\n/;
      const text = readTemplate('prometheus/kubernetes.yml');
      expect(text).toMatch(discovery);
      const folder = await mkdtemp(join(tmpdir(), 'avatar-scraped-'));
      onTestFinished(() => rm(folder, { recursive: true, force: true }));
      const file = join(folder, 'prometheus.yml');
      const described = `static_configs: ${JSON.stringify(found)}\n`;
      await writeFile(file, text.replace(discovery, described));
      const args = ['check', 'service-discovery', '--timeout=1s', file, 'avatar-proxy'];
      const { stdout } = await promisify(execFile)(promtool ?? '', args);
      const targets: { labels: Record<string, string> }[] = JSON.parse(stdout);
      const kept = targets.filter(({ labels: { __address__: address } }) => address !== undefined);
      const { admin } = await configurationOf(config);
      expect(kept.map((target) => target.labels)).toEqual([
        expect.objectContaining({
          __address__: `10.0.0.1:${admin?.port}`,
          job: 'avatar-proxy',
          namespace: 'forum',
          instance: 'avatar-proxy-x',
        }),
      ]);
      expect(readTemplate('prometheus/alerts.yml')).toContain('up{job="avatar-proxy"}');
    },
  );

  it('are found by the Prometheus Operator as docs/operating.md has it, under the same name', () => {
    const page = readFileSync(join(DEPLOY, '..', 'docs', 'operating.md'), 'utf8');
    const blocks = Array.from(
      page.matchAll(/^```yaml\n(.*?)^```/gms),
      ([, content = '']) => content,
    );
    const monitor: PodMonitor = parse(blocks.find((each) => each.includes('PodMonitor')) ?? '');
    const { jobLabel, selector, podMetricsEndpoints: endpoints } = monitor.spec;
    const labels = deployment.spec?.template.metadata?.labels ?? {};
    expect(selector.matchLabels).toEqual(labels);
    const ports = container?.ports?.map(({ name }) => name);
    expect(endpoints.filter(({ port }) => !ports?.includes(port))).toEqual([]);
    expect(endpoints).toEqual([{ port: 'admin' }]);
    const alerts = readTemplate('prometheus/alerts.yml');
    expect(alerts).toContain(`up{job="${labels[jobLabel]}"}`);
    // All that the `spec` of a PrometheusRule may have.
    expect(Object.keys(Object(parse(alerts)))).toEqual(['groups']);
  });

  it('mean the same pods everywhere', () => {
    const labels = deployment.spec?.template.metadata?.labels;
    expect(deployment.spec?.selector.matchLabels).toEqual(labels);
    expect(only('Service').spec?.selector).toEqual(labels);
    expect(only('PodDisruptionBudget').spec?.selector?.matchLabels).toEqual(labels);
    for (const constraint of pod?.topologySpreadConstraints ?? []) {
      expect(constraint.labelSelector?.matchLabels).toEqual(labels);
    }
    const { name } = deployment.metadata ?? {};
    const scaler = only('HorizontalPodAutoscaler');
    expect(scaler.spec?.scaleTargetRef).toMatchObject({ kind: 'Deployment', name });
    const namesOf = container?.envFrom?.map((from) => from.configMapRef ?? from.secretRef);
    expect(namesOf?.map((from) => from?.name)).toEqual([name, name]);
    expect(pod?.serviceAccountName).toBe(name);
  });

  it('give a pod the memory it takes when all limits are reached in the same moment', async () => {
    const mebibytes = Number(
      /^(\d+)Mi$/.exec(String(container?.resources?.limits?.['memory']))?.[1],
    );
    const page = readFileSync(join(DEPLOY, '..', 'docs', 'operating.md'), 'utf8');
    const [, variants, together] = /=(\d+)`, as in .*?([\d,]+) in all/s.exec(page) ?? [];
    const others = Number(together?.replace(',', '')) - Number(variants);
    // Two renderers, as is documented; variants take a quarter of the limit.
    expect((await configurationOf(config)).renders).toBe(2);
    expect(others).toBeGreaterThan(0);
    expect(mebibytes).toBeGreaterThan(others + Math.min(512, mebibytes / 4));
  });

  it('leave the number of pods to the autoscaler', () => {
    expect(deployment.spec?.replicas).toBeUndefined();
    // A percentage of what is requested, so there has to be a request.
    expect(container?.resources?.requests).toHaveProperty('cpu');
    expect(container?.resources?.limits).toHaveProperty('memory');
  });
});

function documentsOf(text: string): Manifest[] {
  return parseAllDocuments(text).map((document): Manifest => document.toJS());
}

/** @throws Error when there is none of the kind, or more than one */
function only<Kind extends keyof Kinds>(kind: Kind): Kinds[Kind] {
  const [found, ...more] = manifests.filter((manifest) => manifest.kind === kind);
  if (found === undefined || more.length > 0) throw new Error(`not one ${kind}`);
  // Held true by the first test, which has the compiler look at it.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return found as Kinds[Kind];
}

/**
 * What TypeScript says to the manifests as object literals of the types made from Kubernetes' own
 * description of its interface: wrong types, missing fields, and fields that do not exist.
 */
async function complaints(checked: readonly Manifest[]): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'avatar-kubernetes-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const modules = join(import.meta.dirname, '..', '..', 'node_modules');
  const lines = checked.map(({ apiVersion, kind, ...rest }, index) => {
    const [group = '', version = group] = apiVersion.split('/');
    const module = `${version === group ? 'core' : group.replace('.k8s.io', '')}/${version}`;
    const literal = JSON.stringify({ apiVersion, kind, ...rest });
    return `export const m${index}: import('kubernetes-types/${module}').${kind} = ${literal};`;
  });
  await writeFile(join(folder, 'manifests.ts'), lines.join('\n'));
  await writeFile(
    join(folder, 'tsconfig.json'),
    JSON.stringify({
      compilerOptions: {
        strict: true,
        noEmit: true,
        skipLibCheck: true,
        types: [],
        moduleResolution: 'bundler',
        module: 'esnext',
        paths: { 'kubernetes-types/*': [join(modules, 'kubernetes-types', '*')] },
      },
      files: ['manifests.ts'],
    }),
  );
  const compiler = join(modules, '.bin', 'tsc');
  const { stdout } = await promisify(execFile)(compiler, ['-p', folder]).catch(
    (error: { stdout: string }) => error,
  );
  return stdout;
}
