import { CelEngine, type StandardDiagnostic, TemplateFile } from '@aws/cloudformation-validate';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isAlias, parse, parseDocument, type ScalarTag, type CollectionTag, visit } from 'yaml';
import { withFunction } from '../../scripts/edge-function.ts';
import { FAULTS } from '../../src/errors.ts';
import { LIMITS } from '../../src/http/server.ts';
import { configurationOf, DEPLOY, readTemplate } from './templates.ts';

type Resource = {
  readonly Type: string;
  readonly Properties: Record<string, unknown>;
  readonly UpdatePolicy?: unknown;
};
type Template = {
  readonly Parameters: Record<
    string,
    { readonly Default?: string | number; readonly MinValue?: number }
  >;
  readonly Mappings: Record<string, Record<string, Record<string, string>>>;
  readonly Resources: Record<string, Resource>;
};
type Attribute = { readonly Key: string; readonly Value: unknown };
type Behavior = Readonly<Record<'CachePolicyId' | 'FunctionAssociations', unknown>>;
type Headers = { readonly Items: readonly { readonly Header: string }[] };

const NAME = 'aws/avatar-proxy.yaml';
const text = readTemplate(NAME);
const document = parseDocument(text, { customTags: intrinsics() });
const template: Template = document.toJS();

describe('the CloudFormation template', () => {
  let engine: InstanceType<typeof CelEngine>;
  let folder: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'avatar-aws-'));
    // Reads the schemas of all resources there are: five seconds of CPU.
    engine = new CelEngine();
  }, 120_000);

  afterAll(async () => {
    engine.free();
    await rm(folder, { recursive: true, force: true });
  });

  const findings = (file: string): StandardDiagnostic[] => {
    const { status, diagnostics } = engine.validateStandard(new TemplateFile(file));
    expect(status).toBe('OK');
    return diagnostics.filter(({ severity }) => severity !== 'INFO');
  };

  it('is right by the schemas of its resources and the rules of CloudFormation', async () => {
    expect(findings(join(DEPLOY, NAME))).toEqual([]);
    const spoilt = join(folder, 'spoilt.yaml');
    await writeFile(
      spoilt,
      text
        .replace('HealthCheckPath:', 'HealthPath:')
        .replace('!GetAtt Log.Arn', '!GetAtt Logs.Arn')
        .replace('Threshold: 5', 'Threshold: five'),
    );
    const entities = findings(spoilt).map(({ entity }) => entity?.logicalId);
    expect(entities).toEqual(
      expect.arrayContaining(['TargetGroup', 'InstanceRole', 'SheddingAlarm']),
    );
  });

  it('has no YAML aliases, which CloudFormation does not read', () => {
    const aliases: unknown[] = [];
    visit(document, (_key, node) => {
      if (isAlias(node)) aliases.push(node.source);
    });
    expect(aliases).toEqual([]);
  });
});

describe('what the template sets up', () => {
  it('configures the service with what it reads', async () => {
    const { originals, drainMs, isDemo } = await configurationOf(environment());
    expect(originals).toMatchObject([{ kind: 's3', bucket: 'Bucket', region: 'eu-west-1' }]);
    expect(isDemo).toBe(false);
    expect(drainMs).toBe(Number(template.Parameters['DrainSeconds']?.Default) * 1000);
  });

  it('serves any host unless it is told which there are', async () => {
    expect((await configurationOf(environment())).hosts).toBeUndefined();
    const { hosts } = await configurationOf(environment({ Hosts: 'forum.example.org b.example' }));
    expect([...(hosts ?? [])]).toEqual(['forum.example.org', 'b.example']);
  });

  it('gives an instance for its last requests as long as the service takes', async () => {
    const { drainMs, deadlineMs } = await configurationOf(environment());
    expect(attributesOf('TargetGroup')['deregistration_delay.timeout_seconds']).toBe(
      '${DrainSeconds}',
    );
    const seconds = Number(/StopSeconds: (\d+)/.exec(text)?.[1]);
    expect(seconds * 1000).toBeGreaterThan(drainMs + deadlineMs);
    const longest = 600_000;
    expect(seconds * 1000).toBeGreaterThanOrEqual(longest + deadlineMs);
  });

  it('closes idle connections before the service does, and waits longer than it takes', async () => {
    const { deadlineMs } = await configurationOf(environment());
    const idle = Number(attributesOf('LoadBalancer')['idle_timeout.timeout_seconds']);
    expect(idle * 1000).toBeLessThan(LIMITS.keepAliveTimeout);
    const readTimeout = Number(/OriginReadTimeout: (\d+)/.exec(text)?.[1]);
    expect(readTimeout * 1000).toBeGreaterThan(deadlineMs);
  });

  it('starts an instance again with the image it has, though ECR and CloudWatch are away', () => {
    const before = Array.from(text.matchAll(/ExecStartPre=(.*)/g), ([, command = '']) => command);
    expect(before.filter((command) => command.includes('aws ecr'))).toHaveLength(1);
    // systemd's sign that a failure does not count.
    for (const command of before) expect(command).toMatch(/^-/);
    // One that hangs counts: the unit has 90 seconds to start.
    for (const command of before.filter((each) => each.includes('aws '))) {
      expect(Number(/^-\/usr\/bin\/timeout (\d+) /.exec(command)?.[1])).toBeLessThan(90);
    }
    // In the mode that blocks, Docker starts no container whose log has nowhere to go.
    expect(text).toMatch(/--log-driver awslogs [^#]*--log-opt mode=non-blocking /);
  });

  it('lets an instance read originals, read and write variants, and no more of S3', () => {
    const policies = JSON.stringify(template.Resources['InstanceRole']?.Properties['Policies']);
    const actions = Array.from(policies.matchAll(/"(s3:[^"]+)"/g), ([, action]) => action);
    expect(new Set(actions)).toEqual(new Set(['s3:GetObject', 's3:ListBucket', 's3:PutObject']));
    expect(actions.filter((action) => action === 's3:PutObject')).toHaveLength(1);
    expect(policies).not.toContain('s3:*');
  });

  it('counts as shed what the service calls so in its log', () => {
    const pattern = template.Resources['ShedRequests']?.Properties['FilterPattern'];
    const outcome = /\$\.outcome = "(\w+)"/.exec(String(pattern))?.[1] ?? '';
    expect(FAULTS).toHaveProperty(outcome, expect.objectContaining({ status: 503 }));
    // The line is logged at this level.
    expect(environment()['LOG_LEVEL']).toBe('warn');
  });

  it('lets CloudFront go from the bucket to the service for methods that may fail over', () => {
    const config = template.Resources['Distribution']?.Properties['DistributionConfig'];
    expect(config).toMatchObject({
      DefaultCacheBehavior: { AllowedMethods: ['GET', 'HEAD', 'OPTIONS'] },
      OriginGroups: {
        Items: [{ Members: { Items: [{ OriginId: 'variants' }, { OriginId: 'service' }] } }],
      },
    });
    const { CustomErrorResponses: errors }: { CustomErrorResponses?: unknown[] } = Object(config);
    const uncached = [500, 502, 503, 504].map((ErrorCode) => ({
      ErrorCode,
      ErrorCachingMinTTL: 0,
    }));
    expect(errors).toEqual(uncached);
    // Who makes a distribution of their own is told the same.
    const readme = readFileSync(join(DEPLOY, '..', 'README.md'), 'utf8');
    const said = /minimum TTL of ([\d, and]+) to 0/.exec(readme)?.[1]?.match(/\d+/g)?.map(Number);
    expect(said).toEqual(uncached.map(({ ErrorCode }) => ErrorCode));
  });

  it('sends with what is in the bucket what the service sends, as CloudFront lets it be said', () => {
    const policy = propertiesOf('ResponsePolicy')['ResponseHeadersPolicyConfig'];
    expect(policy).toMatchObject({
      CorsConfig: {
        AccessControlAllowOrigins: { Items: ['*'] },
        AccessControlAllowMethods: { Items: ['GET', 'HEAD', 'OPTIONS'] },
        AccessControlAllowHeaders: { Items: ['*'] },
        AccessControlAllowCredentials: false,
        OriginOverride: true,
      },
    });
    const { CustomHeadersConfig: custom }: { CustomHeadersConfig?: Headers } = Object(policy);
    const names = custom?.Items.map(({ Header }) => Header.toLowerCase());
    // "… is a CORS header and cannot be set as custom header", and so for those of security.
    expect(names).toEqual(['cross-origin-resource-policy']);
  });

  it('hides of S3 what NGINX hides before the same bucket', () => {
    const policy = propertiesOf('ResponsePolicy')['ResponseHeadersPolicyConfig'];
    const { RemoveHeadersConfig: removed }: { RemoveHeadersConfig?: Headers } = Object(policy);
    const hidden = readTemplate('nginx/variants-first.conf').matchAll(/proxy_hide_header (\S+);/g);
    // CloudFront takes these two off by itself.
    const own = new Set(['x-amz-id-2', 'x-amz-request-id']);
    const expected = Array.from(hidden, ([, name = '']) => name).filter((name) => !own.has(name));
    expect(removed?.Items.map(({ Header }) => Header).toSorted()).toEqual(expected.toSorted());
    // Its quota.
    expect(expected.length).toBeLessThanOrEqual(10);
  });

  it('folds Accept wherever it is in the key of the cache', () => {
    const config = propertiesOf('Distribution')['DistributionConfig'];
    const {
      DefaultCacheBehavior: usual,
      CacheBehaviors: others = [],
    }: { DefaultCacheBehavior?: Behavior; CacheBehaviors?: Behavior[] } = Object(config);
    expect(JSON.stringify(propertiesOf('CachePolicy'))).toContain('"Headers":["accept"]');
    const keyedByAccept = [usual, ...others].filter(
      (behavior) => behavior?.CachePolicyId === '${CachePolicy}',
    );
    expect(keyedByAccept).toHaveLength(2);
    for (const behavior of keyedByAccept) {
      expect(JSON.stringify(behavior?.FunctionAssociations)).toContain('NormalizeAccept');
    }
  });

  it('has Origin Shield where CloudFront has one', () => {
    const regions = template.Mappings['OriginShield'] ?? {};
    const shields = new Set(Object.values(regions).map(({ Region }) => Region ?? ''));
    expect(shields).toEqual(new Set(ORIGIN_SHIELDS));
    for (const shield of shields) expect(regions[shield]).toEqual({ Region: shield });
    const config = propertiesOf('Distribution')['DistributionConfig'];
    const { Origins: origins }: { Origins?: { OriginShield: unknown }[] } = Object(config);
    expect(origins).toHaveLength(2);
    for (const { OriginShield: shield } of origins ?? []) {
      const OriginShieldRegion = ['OriginShield', '${AWS::Region}', 'Region'];
      expect(shield).toEqual({ Enabled: true, OriginShieldRegion });
    }
  });

  // When this fails: `npm run templates`.
  it('has the function that folds Accept as it is tested', () => {
    const code = readTemplate('cloudfront/normalize-accept.js');
    expect(withFunction(text, code)).toBe(text);
    const inTemplate = String(template.Resources['NormalizeAccept']?.Properties['FunctionCode']);
    expect(inTemplate).toContain(code.trimEnd());
    // CloudFront takes no more.
    expect(Buffer.byteLength(inTemplate)).toBeLessThan(10_240);
  });

  it('scales from one to four, and never to so few that none could be replaced', () => {
    expect(propertiesOf('Instances')).toMatchObject({ MinSize: '1', MaxSize: '${MaxInstances}' });
    const { Default: usual, MinValue: least = 0 } = template.Parameters['MaxInstances'] ?? {};
    expect(usual).toBe(4);
    // CloudFormation refuses a rolling update that keeps as many in service as there may be.
    const kept = template.Resources['Instances']?.UpdatePolicy;
    expect(kept).toMatchObject({ AutoScalingRollingUpdate: { MinInstancesInService: 1 } });
    expect(least).toBeGreaterThan(1);
  });

  it('has the numbers of each minute that its alarms look at', () => {
    const ofMinutes = Object.values(template.Resources).filter(
      ({ Properties: { Namespace, Period } }) => Namespace === 'AWS/EC2' && Number(Period) < 300,
    );
    expect(ofMinutes).toHaveLength(1);
    expect(propertiesOf('LaunchTemplate')).toMatchObject({
      LaunchTemplateData: { Monitoring: { Enabled: true } },
    });
  });

  it('tells of failures of the load balancer as well, and when nothing is ready', () => {
    const metrics = JSON.stringify(propertiesOf('FailureAlarm')['Metrics']);
    expect(metrics).toContain('"HTTPCode_Target_5XX_Count"');
    expect(metrics).toContain('"HTTPCode_ELB_5XX_Count"');
    // Requests that never met an instance are in the one and not in the other.
    expect(metrics).toContain('/ (FILL(requests, 0) + FILL(refusals, 0))');
    expect(propertiesOf('NobodyReadyAlarm')).toMatchObject({
      MetricName: 'HealthyHostCount',
      ComparisonOperator: 'LessThanThreshold',
      Threshold: 1,
      TreatMissingData: 'breaching',
    });
  });

  it('can be watched by a Prometheus, from where the operator says and from nowhere else', async () => {
    const { admin } = await configurationOf(environment());
    // Within the container, where else only its own processes would get there; outside of it the security
    // group says who does.
    expect(admin?.host).toBe('0.0.0.0');
    for (const port of [8080, admin?.port]) expect(text).toContain(` --publish ${port}:${port} `);
    expect(propertiesOf('InstanceGroup')['SecurityGroupIngress']).toEqual([
      expect.objectContaining({
        FromPort: 8080,
        ToPort: 8080,
        SourceSecurityGroupId: '${LoadBalancerGroup}',
      }),
      expect.objectContaining({
        FromPort: admin?.port,
        ToPort: admin?.port,
        CidrIp: '${MonitoringNetwork}',
      }),
    ]);
    // Nobody.
    expect(template.Parameters['MonitoringNetwork']?.Default).toBe('127.0.0.1/32');
  });

  it('has its instances found by the job of Prometheus that the alerts ask for', async () => {
    const { admin } = await configurationOf(environment());
    const scraped: {
      scrape_configs: { job_name: string; ec2_sd_configs: { port: number; filters: unknown }[] }[];
    } = parse(readTemplate('prometheus/aws.yml'));
    const [job] = scraped.scrape_configs;
    expect(readTemplate('prometheus/alerts.yml')).toContain(`up{job="${job?.job_name}"}`);
    expect(job?.ec2_sd_configs[0]?.port).toBe(admin?.port);
    // As the README names the stack.
    expect(job?.ec2_sd_configs[0]?.filters).toContainEqual({
      name: 'tag:Name',
      values: ['avatars'],
    });
    const named = { Key: 'Name', Value: '${AWS::StackName}' };
    expect(propertiesOf('LaunchTemplate')).toMatchObject({
      LaunchTemplateData: { TagSpecifications: [{ ResourceType: 'instance', Tags: [named] }] },
    });
  });

  it('lets sessions in through Systems Manager, and lets them ask for nothing else', () => {
    const policies = JSON.stringify(propertiesOf('InstanceRole'));
    const actions = Array.from(policies.matchAll(/"(ssm\w*:[^"]+)"/g), ([, action]) => action);
    expect(new Set(actions)).toEqual(
      new Set([
        'ssm:GetParameter',
        'ssm:UpdateInstanceInformation',
        'ssmmessages:CreateControlChannel',
        'ssmmessages:CreateDataChannel',
        'ssmmessages:OpenControlChannel',
        'ssmmessages:OpenDataChannel',
      ]),
    );
  });

  it('knows whose word to take for who a client is: CloudFront’s, passed on by the balancer', async () => {
    const { trustedProxies } = await configurationOf(environment());
    expect(trustedProxies).toBe(2);
  });
});

/** All there are: https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/origin-shield.html */
const ORIGIN_SHIELDS = [
  'us-east-1',
  'us-east-2',
  'us-west-2',
  'ap-south-1',
  'ap-northeast-1',
  'ap-northeast-2',
  'ap-southeast-1',
  'ap-southeast-2',
  'eu-central-1',
  'eu-west-1',
  'eu-west-2',
  'sa-east-1',
];

function propertiesOf(name: string): Record<string, unknown> {
  return template.Resources[name]?.Properties ?? {};
}

/** What the instance writes to the service's environment; parameters that are not given have their defaults. */
function environment(parameters: Record<string, string> = {}): Record<string, string> {
  const lines = /<<'ENVIRONMENT'\n(.*?)\n *ENVIRONMENT\n/s.exec(text)?.[1]?.split('\n') ?? [];
  const given: Record<string, string> = {
    'AWS::Region': 'eu-west-1',
    NegotiateLine: '',
    ...parameters,
  };
  const filled = lines.map((line) =>
    line.trim().replaceAll(/\$\{([\w:]+)\}/g, (_whole, name: string) => {
      return given[name] ?? String(template.Parameters[name]?.Default ?? name);
    }),
  );
  expect(filled.length).toBeGreaterThan(4);
  const pairs = filled.filter((line) => line !== '').map((line) => line.split(/=(.*)/s, 2));
  return Object.fromEntries(pairs);
}

function attributesOf(name: string): Record<string, unknown> {
  const lists = Object.entries(propertiesOf(name)).filter(([key]) => key.endsWith('Attributes'));
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  const attributes = lists.flatMap(([, list]) => list as Attribute[]);
  return Object.fromEntries(attributes.map(({ Key, Value }) => [Key, Value]));
}

/** `!Ref X` becomes `${X}`, and so do the others that name one thing; the rest keep their content. */
function intrinsics(): (ScalarTag | CollectionTag)[] {
  const names = ['Ref', 'Sub', 'GetAtt', 'If', 'Equals', 'Not', 'Join', 'FindInMap'];
  return names.flatMap((name) => [
    {
      tag: `!${name}`,
      resolve: (value: string) => (name === 'Sub' ? value : `\${${value}}`),
    } satisfies ScalarTag,
    { tag: `!${name}`, collection: 'seq' as const } satisfies CollectionTag,
    { tag: `!${name}`, collection: 'map' as const } satisfies CollectionTag,
  ]);
}
