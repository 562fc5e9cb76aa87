import fc from 'fast-check';
import Fastify from 'fastify';
import { describe, expect, it } from 'vitest';
import { ConfigError, type ConfigIssue } from '../../src/config/error.ts';
import { loadConfig } from '../../src/config/load.ts';
import { EnvironmentSchema } from '../../src/config/schema.ts';
import { parseStores, parseVariantStore, type StoreAddress } from '../../src/config/stores.ts';
import { trustIn } from '../../src/http/client.ts';

async function issuesOf(variables: Record<string, string>): Promise<readonly ConfigIssue[]> {
  try {
    await loadConfig(variables);
  } catch (error) {
    if (error instanceof ConfigError) return error.issues;
    throw error;
  }
  return [];
}

describe('the configuration', () => {
  it('has a default for everything: the demo, on all interfaces', async () => {
    const config = await loadConfig({});
    expect(config).toMatchObject({
      listener: { host: '0.0.0.0', port: 8080 },
      admin: { host: '127.0.0.1', port: 9090 },
      isDemo: true,
      hosts: undefined,
      sizes: undefined,
      unlistedSize: 'nearest',
      missing: '404',
      locator: { kind: 'template' },
      format: 'png',
      maxOriginalBytes: 20 * 1024 * 1024,
      maxPixels: 50e6,
      deadlineMs: 10_000,
      basePath: '',
      cdnUrl: '',
    });
    expect(config.memoryBytes).toBeGreaterThanOrEqual(16 * 1024 * 1024);
    expect(config.memoryBytes).toBeLessThanOrEqual(512 * 1024 * 1024);
    expect(config.renders).toBeGreaterThanOrEqual(1);
  });

  it('tells everything that is wrong at once: the variable, its value, what is allowed', async () => {
    const issues = await issuesOf({
      PORT: 'eighty',
      AVATAR_ORIGINALS: 'gs://bucket',
      AVATAR_SIZES: '24 4000',
      AVATAR_UNLISTED_SIZE: 'snap',
      AVATAR_LOCATOR: 'template:{user}/{nonsense}',
      AVATAR_HOSTS: 'ok.example bad/host',
      AVATAR_BASE_PATH: 'forum/',
    });
    expect(issues.map(({ variable }) => variable).toSorted()).toEqual([
      'AVATAR_BASE_PATH',
      'AVATAR_HOSTS',
      'AVATAR_LOCATOR',
      'AVATAR_ORIGINALS',
      'AVATAR_SIZES',
      'AVATAR_UNLISTED_SIZE',
      'PORT',
    ]);
    const message = new ConfigError(issues).message;
    expect(message).toContain('PORT="eighty"');
    expect(message).toContain('must be one of nearest, reject');
    expect(message).toContain('alternative 1 has an unknown placeholder (there are {host}');
    expect(message).toContain('from 8 to 1000');
  });

  it('takes an empty variable as not set, as compose files have them', async () => {
    expect(await loadConfig({ AVATAR_ORIGINALS: '', PORT: '', AVATAR_HOSTS: '' })).toMatchObject({
      isDemo: true,
      hosts: undefined,
    });
  });

  it('names variables that look like ours and are not', async () => {
    const config = await loadConfig({ AVATAR_ORIGNALS: 's3://b', HOME: '/root' });
    expect(config.unknownVariables).toEqual(['AVATAR_ORIGNALS']);
  });

  it('names them where something else is wrong, too, but not what is in them', async () => {
    const variables = { PORT: '80a', AVATAR_ORIGINAL: 's3://b', AVATAR_DB_PASSWORD: 'hunter2' };
    const thrown: unknown = await loadConfig(variables).catch((error: unknown) => error);
    expect(thrown).toMatchObject({
      issues: [{ variable: 'PORT' }],
      unknownVariables: ['AVATAR_ORIGINAL', 'AVATAR_DB_PASSWORD'],
      message: expect.stringMatching(/PORT="80a": .*\n {2}AVATAR_ORIGINAL is no variable of this/),
    });
    expect(String(thrown)).not.toContain('hunter2');
  });

  it.each([
    ['AVATAR_CDN_URL', 'cdn.example.org', 'https://cdn.example.org'],
    ['AVATAR_BASE_PATH', 'forum/', '/forum'],
  ])('shows what %s looks like, and no regular expression', async (variable, value, example) => {
    const allowed = `must be as in ${example}`;
    expect(await issuesOf({ [variable]: value })).toEqual([{ variable, value, allowed }]);
    expect(await issuesOf({ [variable]: example })).toEqual([]);
  });

  it.each([
    [{ PORT: '9090' }],
    [{ PORT: '8081', ADMIN_PORT: '8081', ADMIN_HOST: '0.0.0.0', HOST: '10.0.0.1' }],
    [{ PORT: '8081', ADMIN_PORT: '8081', ADMIN_HOST: '::', HOST: '10.0.0.1' }],
    [{ PORT: '8081', ADMIN_PORT: '8081', ADMIN_HOST: '::1', HOST: '::' }],
    [{ PORT: '8081', ADMIN_PORT: '8081', ADMIN_HOST: '0.0.0.0', HOST: '::' }],
    [{ PORT: '8081', ADMIN_PORT: '8081', ADMIN_HOST: 'localhost', HOST: '0.0.0.0' }],
    [{ PORT: '8081', ADMIN_PORT: '8081', ADMIN_HOST: 'localhost', HOST: 'localhost' }],
  ])('has one listener a port: not %j', async (variables) => {
    const allowed = `${variables.PORT} is PORT as well: choose another, or 0 for no such listener`;
    expect(await issuesOf(variables)).toMatchObject([{ variable: 'ADMIN_PORT', allowed }]);
  });

  it.each([
    [{ PORT: '8081', ADMIN_PORT: '8081', ADMIN_HOST: '127.0.0.1', HOST: '10.0.0.1' }],
    [{ PORT: '8081', ADMIN_PORT: '8081', ADMIN_HOST: '::1', HOST: '0.0.0.0' }],
    [{ PORT: '8081', ADMIN_PORT: '8081', ADMIN_HOST: '0.0.0.0', HOST: '2001:db8::1' }],
    [{ PORT: '0', ADMIN_PORT: '0' }],
  ])('takes %j: no two listeners at one address', async (variables) => {
    expect(await issuesOf(variables)).toEqual([]);
  });

  it('takes what Kubernetes says of a Service called avatar-proxy for no variables of ours', async () => {
    const config = await loadConfig({
      AVATAR_PROXY_SERVICE_HOST: '10.0.0.7',
      AVATAR_PROXY_SERVICE_PORT: '80',
      AVATAR_PROXY_SERVICE_PORT_HTTP: '80',
      AVATAR_PROXY_PORT: 'tcp://10.0.0.7:80',
      AVATAR_PROXY_PORT_80_TCP: 'tcp://10.0.0.7:80',
      AVATAR_PROXY_PORT_80_TCP_PROTO: 'tcp',
      AVATAR_PROXY_PORT_80_TCP_PORT: '80',
      AVATAR_PROXY_PORT_80_TCP_ADDR: '10.0.0.7',
      AVATAR_PROXY_URL: 'http://proxy',
      AVATAR_PROXY_PORTS: '80',
    });
    expect(config.unknownVariables).toEqual(['AVATAR_PROXY_URL', 'AVATAR_PROXY_PORTS']);
  });

  it('reads lists however they are separated, sizes in order and once', async () => {
    const config = await loadConfig({
      AVATAR_SIZES: '288|24, 48 24',
      AVATAR_HOSTS: 'A.example  b.example',
    });
    expect(config.sizes).toEqual([24, 48, 288]);
    expect(config.hosts).toEqual(new Set(['a.example', 'b.example']));
  });

  it('turns the operators’ listener off with port 0', async () => {
    expect((await loadConfig({ ADMIN_PORT: '0' })).admin).toBeUndefined();
  });

  it('fails with a ConfigError only, whatever the variables hold', async () => {
    const variables = fc.dictionary(
      fc.constantFrom(...Object.keys(EnvironmentSchema.properties)),
      fc.oneof(
        fc.string(),
        fc.constantFrom('s3://', 's3://b?x', 'file:', 'template:', '-1', '1e9'),
      ),
    );
    await fc.assert(
      fc.asyncProperty(variables, async (given) => {
        for (const { variable, allowed } of await issuesOf(given)) {
          expect(variable in EnvironmentSchema.properties).toBe(true);
          expect(allowed).not.toBe('');
          expect(allowed).not.toContain('pattern');
        }
      }),
    );
  });
});

describe('what is said of a value that is wrong', () => {
  /** Each way in which a value can be wrong, with a secret in what is wrong. */
  it.each([
    ['AVATAR_ORIGINALS', 's3://key:SECRET@uploads'],
    ['AVATAR_ORIGINALS', 's3://uploads?endpoint=http://key:&SECRET@minio'],
    ['AVATAR_ORIGINALS', 's3://uploads?accelerate=maybe&endpoint=http://key:SECRET@minio'],
    ['AVATAR_ORIGINALS', 's3://uploads?endpoint=http://minio:a/SECRET@minio.internal:9000'],
    ['AVATAR_ORIGINALS', 's3://uploads?endpoint=minio:SECRET@minio.internal:9000'],
    ['AVATAR_ORIGINALS', 's3://uploads?endpoint=minio%3ASECRET%40minio.internal:9000'],
    ['AVATAR_ORIGINALS', 's3://uploads?endpoint=ftp://minio:SECRET@minio.internal'],
    ['AVATAR_ORIGINALS', 's3://uploads?accelerate&endpoint=http://key:SECRET@minio'],
    ['AVATAR_ORIGINALS', 's3://uploads?accelerate&pathStyle&region=eu:SECRET@x'],
    ['AVATAR_ORIGINALS', 'file:///srv/a https://key:SECRET@minio/uploads'],
    ['AVATAR_ORIGINALS', 'key:SECRET@minio/uploads'],
    ['AVATAR_ORIGINALS', 'file://key:SECRET@minio/uploads'],
    ['AVATAR_VARIANTS', 's3://key:SECRET@uploads'],
    ['AVATAR_VARIANTS', 's3://uploads?endpoint=minio:SECRET@minio.internal:9000'],
    ['AVATAR_VARIANTS', 'https://key:SECRET@minio/uploads'],
    ['AVATAR_LOCATOR', 'postgres://key:SECRET@db/discourse'],
    ['AVATAR_LOCATOR', 'template:s3://key:SECRET@uploads/{'],
    ['AVATAR_LOCATOR', 'template:s3://key:{SECRET}@uploads'],
    ['AVATAR_LOCATOR', 'template:s3://key:SECRET@uploads'],
    ['AVATAR_LOCATOR', 'template:s3://key:SECRET@uploads/{id}'],
    ['AVATAR_HOSTS', 'ok.example https://key:SECRET@forum.example'],
    ['AVATAR_HOSTS', 'key:SECRET@forum.example'],
    ['AVATAR_SIZES', 'https://key:SECRET@forum.example'],
    ['AVATAR_NEGOTIATE', 'https://key:SECRET@forum.example'],
    ['AVATAR_TRUSTED_PROXIES', '10.0.0.1 https://key:SECRET@proxy.example'],
    ['AVATAR_TRUSTED_PROXIES', 'key:SECRET@10.0.0.1'],
    ['AVATAR_DISCOURSE_URL', 'postgres://key:SECRET@db/discourse'],
    ['AVATAR_SITES', 'postgres://key:SECRET@db/discourse'],
    ['AVATAR_CDN_URL', 'key:SECRET@cdn.example'],
    ['AVATAR_BASE_PATH', 'https://key:SECRET@forum.example/forum'],
    ['AVATAR_MISSING', 'https://key:SECRET@forum.example'],
    ['PORT', 'https://key:SECRET@forum.example'],
  ])('holds no secret that was in it: %s=%s', async (variable, value) => {
    // Whole, and with what ends a part in one grammar or another.
    for (const secret of ['Hunter2', 'Hunter2&', '/Hunter2', 'x&Hunter2']) {
      const issues = await issuesOf({ [variable]: value.replace('SECRET', secret) });
      expect(issues.map((issue) => issue.variable)).toEqual([variable]);
      expect(new ConfigError(issues).message.toLowerCase()).not.toContain('hunter2');
    }
  });

  it('holds none of the name of a file of sites either', async () => {
    const issues = await issuesOf({
      AVATAR_LOCATOR: 'discourse',
      AVATAR_SITES: 'postgres://reader:hunter2@db/discourse',
    });
    expect(issues).toMatchObject([{ allowed: 'cannot be read: ENOENT' }]);
    expect(new ConfigError(issues).message).not.toContain('hunter2');
  });

  it('is all of it, of a list with several mistakes', async () => {
    const issues = await issuesOf({
      AVATAR_ORIGINALS:
        's3://aaa?foo=1 s3://fine ftp://x s3://B s3://bbb?accelerate&pathStyle&dualstack=no',
      AVATAR_HOSTS: 'ok.example bad/host -- https://x',
      AVATAR_TRUSTED_PROXIES: 'loopback everybody 10.0.0.0/33',
    });
    expect(issues.map(({ variable, allowed }) => [variable, allowed])).toEqual([
      [
        'AVATAR_ORIGINALS',
        'address 1 has an unknown option (there are region, endpoint, pathStyle, accelerate, dualstack); ' +
          'address 3 must be s3://BUCKET[/PREFIX][?region=&endpoint=&pathStyle=&accelerate=&dualstack=] or file:DIR; ' +
          'address 4 has not the name of a bucket; ' +
          'address 5 has a pathStyle, accelerate or dualstack that is neither true nor false',
      ],
      ['AVATAR_HOSTS', 'host names, which these are not: number 2, number 4'],
      [
        'AVATAR_TRUSTED_PROXIES',
        expect.stringMatching(/to 9, which these are not: number 2, number 3$/),
      ],
    ]);
  });
});

describe('AVATAR_HOSTS', () => {
  it.each([' ', ',', '| ,'])(
    'that names none is refused, since it would serve none: %j',
    async (value) => {
      expect(await issuesOf({ AVATAR_HOSTS: value })).toMatchObject([
        { variable: 'AVATAR_HOSTS', allowed: expect.stringContaining('host names') },
      ]);
    },
  );
});

describe('AVATAR_NEGOTIATE', () => {
  it.each([
    ['', []],
    ['webp', ['webp']],
    ['avif,webp', ['avif', 'webp']],
  ])('takes %j in that order', async (value, negotiate) => {
    expect((await loadConfig({ AVATAR_NEGOTIATE: value })).negotiate).toEqual(negotiate);
  });

  const wrong = ['png', 'webp,jpg', 'WebP', 'webp,webp', 'image/webp', ',', 'constructor'];
  /** What edges fold Accept into would not mean the same. */
  const unfoldable = ['avif', 'webp avif', 'webp,avif', 'avif webp'];

  it.each([...wrong, ...unfoldable])('refuses %j', async (value) => {
    expect(await issuesOf({ AVATAR_NEGOTIATE: value })).toMatchObject([
      { variable: 'AVATAR_NEGOTIATE', allowed: expect.stringContaining('webp or avif,webp') },
    ]);
  });
});

describe('AVATAR_TRUSTED_PROXIES', () => {
  it.each([
    ['', undefined],
    ['2', 2],
    ['loopback, 10.0.0.0/8 2001:db8::/32', ['loopback', '10.0.0.0/8', '2001:db8::/32']],
    ['192.0.2.1', ['192.0.2.1']],
  ])('takes %j', async (value, trustedProxies) => {
    expect(await loadConfig({ AVATAR_TRUSTED_PROXIES: value })).toMatchObject({ trustedProxies });
  });

  it.each(['all', '0', '10', '10.0.0.0/33', '10.0.0.0/', '10.0.0/8', 'loopback/8', '::/129', ','])(
    'refuses %j',
    async (value) => {
      expect(await issuesOf({ AVATAR_TRUSTED_PROXIES: value })).toMatchObject([
        { variable: 'AVATAR_TRUSTED_PROXIES', allowed: expect.stringContaining('loopback') },
      ]);
    },
  );

  it('takes nothing that the listener would not', async () => {
    const part = fc.oneof(fc.ipV4(), fc.ipV6(), fc.constantFrom('loopback', 'x', '/', '8', '128'));
    const value = fc.array(part, { maxLength: 4 }).map((parts) => parts.join('/'));
    await fc.assert(
      fc.asyncProperty(value, async (value) => {
        const issues = await issuesOf({ AVATAR_TRUSTED_PROXIES: value });
        if (issues.length > 0) return;
        const { trustedProxies } = await loadConfig({ AVATAR_TRUSTED_PROXIES: value });
        expect(() => Fastify({ trustProxy: trustIn(trustedProxies) })).not.toThrow();
      }),
    );
  });
});

describe('AVATAR_ORIGINALS', () => {
  it('takes buckets and folders, in order, with their options', async () => {
    const config = await loadConfig({
      AVATAR_ORIGINALS:
        's3://seoul/forum/?region=ap-northeast-2&accelerate=true s3://old?endpoint=http://127.0.0.1:9000 file:/srv/a',
    });
    expect(config.originals).toEqual([
      {
        kind: 's3',
        variable: 'AVATAR_ORIGINALS',
        bucket: 'seoul',
        prefix: 'forum/',
        region: 'ap-northeast-2',
        endpoint: undefined,
        pathStyle: false,
        accelerate: true,
        dualstack: false,
      },
      {
        kind: 's3',
        variable: 'AVATAR_ORIGINALS',
        bucket: 'old',
        prefix: '',
        region: undefined,
        endpoint: 'http://127.0.0.1:9000',
        pathStyle: true,
        accelerate: false,
        dualstack: false,
      },
      { kind: 'folder', directory: '/srv/a' },
    ]);
  });

  it.each([
    ['an unknown option', 's3://bucket?pathstyle=true', 'an unknown option (there are region'],
    ['no bucket', 's3://', 'has not the name of a bucket'],
    ['a flag that is none', 's3://bucket?accelerate=maybe', 'neither true nor false'],
    [
      'an endpoint that is no URL',
      's3://bucket?endpoint=minio:9000',
      'an endpoint that is not an http(s) URL',
    ],
    ['acceleration of another server', 's3://bucket?accelerate&endpoint=http://h', 'accelerate'],
    ['acceleration with path style', 's3://bucket?accelerate&pathStyle', 'accelerate'],
    ['a region that is none', 's3://bucket?region=eu_central_1', 'as in eu-central-1'],
    ['commas', 's3://old?region=us-east-1, s3://new', 'spaces, not commas'],
    ['a folder without a name', 'file:', 'file:DIR'],
    ['a file URL of another machine', 'file://host/dir', 'not a file URL'],
    ['white space', '   ', 'one or more'],
  ])('refuses %s and says why', async (_what, value, why) => {
    const [issue] = await issuesOf({ AVATAR_ORIGINALS: value });
    expect(issue?.variable).toBe('AVATAR_ORIGINALS');
    expect(issue?.allowed).toContain(why);
  });
});

describe('an option that is empty', () => {
  const EMPTY = 'region=&endpoint=&pathStyle=&accelerate=&dualstack=';

  it('is not set, so that AWS_REGION holds, and what goes for all stores', () => {
    const [plain] = storesOf('s3://bucket');
    expect(storesOf(`s3://bucket?${EMPTY}`)).toEqual([plain]);
    expect(parseVariantStore(`s3://bucket?${EMPTY}`)).toEqual({
      ...plain,
      variable: 'AVATAR_VARIANTS',
    });
  });

  it('leaves what others say', () => {
    expect(storesOf('s3://bucket?region=&endpoint=http://127.0.0.1:9000&accelerate=')).toEqual(
      storesOf('s3://bucket?endpoint=http://127.0.0.1:9000'),
    );
  });

  it('is unlike a switch that is named alone, which is on', () => {
    expect(storesOf('s3://bucket?accelerate&dualstack')).toMatchObject([
      { accelerate: true, dualstack: true },
    ]);
  });

  it.each(['acl=', 'region', 'endpoint'])('is a mistake where it is %j', (option) => {
    expect(parseStores(`s3://bucket?${option}`)).toEqual({ error: expect.any(String) });
  });

  function storesOf(text: string): StoreAddress[] {
    const stores = parseStores(text);
    if ('error' in stores) throw new Error(stores.error);
    return stores;
  }
});

describe('AVATAR_VARIANTS', () => {
  it('is one bucket, and none unless it is set', async () => {
    expect((await loadConfig({})).variantStore).toBeUndefined();
    const { variantStore } = await loadConfig({
      AVATAR_VARIANTS: 's3://faces/v?endpoint=http://127.0.0.1:9000',
    });
    expect(variantStore).toMatchObject({
      variable: 'AVATAR_VARIANTS',
      bucket: 'faces',
      prefix: 'v/',
      endpoint: 'http://127.0.0.1:9000',
      pathStyle: true,
    });
  });

  it.each([
    ['a folder', 'file:/srv/a', 'one s3://'],
    ['two buckets', 's3://aaa s3://bbb', 'one s3://'],
    ['no bucket', 's3://', 'has not the name of a bucket'],
  ])('refuses %s and says why', async (_what, value, why) => {
    const [issue] = await issuesOf({ AVATAR_VARIANTS: value });
    expect(issue?.variable).toBe('AVATAR_VARIANTS');
    expect(issue?.allowed).toContain(why);
  });
});

describe('the address of a bucket', () => {
  it.each([
    ['s3://bucket', ''],
    ['s3://bucket/', ''],
    ['s3://bucket//', ''],
    ['s3://bucket/a/b', 'a/b/'],
    ['s3://bucket//a/b//', 'a/b/'],
    ['s3://bucket/my%20faces/who%3F%25', 'my faces/who?%/'],
    ['s3://bucket/j%C3%B6rg/名前/a+b', 'jörg/名前/a+b/'],
    ['s3://bucket/a%2Fb%2F', 'a/b/'],
  ])('%s is that of the keys that begin with "%s", for originals and variants', (text, prefix) => {
    expect(parseStores(text)).toMatchObject([{ bucket: 'bucket', prefix }]);
    expect(parseVariantStore(text)).toMatchObject({ bucket: 'bucket', prefix });
  });

  it.each(['s3://bucket/100%', 's3://bucket/%zz/a', 's3://bucket/%E5', 's3://bucket/a%0Ab'])(
    '%s is refused: what follows a percent sign is a character, encoded',
    (text) => {
      const error = expect.stringMatching(/percent-encoded.*%25/);
      expect(parseStores(text)).toEqual({ error });
      expect(parseVariantStore(text)).toEqual({ error });
    },
  );

  it('is refused, or has a name, a prefix and an endpoint that can be asked', () => {
    const part = fc.oneof(
      fc.string({ maxLength: 8 }),
      fc.constantFrom('bucket', 'a-b.c', '..', '%2e%2e', '//', '@', 'user:secret@host', '\t', 'é'),
    );
    const option = fc
      .tuple(
        fc.constantFrom('region', 'endpoint', 'pathStyle', 'accelerate', 'dualstack', 'acl'),
        fc.oneof(
          part,
          fc.constantFrom(
            'true',
            'false',
            '',
            'eu-1',
            '-',
            'http://h:1',
            'https://[::1]/x',
            'ftp://h',
          ),
        ),
      )
      .map(([name, value]) => `${name}=${value}`);
    const address = fc
      .tuple(part, fc.array(part, { maxLength: 3 }), fc.array(option, { maxLength: 3 }))
      .map(([bucket, path, query]) => `s3://${[bucket, ...path].join('/')}?${query.join('&')}`);
    fc.assert(
      fc.property(address, (text) => {
        const found = parseStores(text);
        if ('error' in found) return;
        for (const store of found) {
          if (store.kind !== 's3') continue;
          expect(store.bucket).toMatch(/^[a-zA-Z0-9][a-zA-Z0-9._-]+[a-zA-Z0-9]$/);
          expect(store.prefix).toMatch(/^(?:[^/](?:.*[^/])?\/)?$/);
          expect(new URL(store.endpoint ?? 'http://aws').host).not.toBe('');
          // What the SDK takes for one: with any other no request would be sent.
          expect(store.region ?? 'default').toMatch(/^(?!-)[a-zA-Z0-9-]{1,63}(?<!-)$/);
        }
      }),
      { numRuns: 1000 },
    );
  });
});

describe('AVATAR_LOCATOR=discourse', () => {
  const url = 'postgres://reader:hunter2@db/discourse';

  it('brings the defaults of Discourse', async () => {
    const config = await loadConfig({
      AVATAR_LOCATOR: 'discourse',
      AVATAR_DISCOURSE_URL: url,
      AVATAR_ORIGINALS: 's3://uploads file:/shared',
    });
    expect(config).toMatchObject({
      locator: { kind: 'discourse', localPrefix: '', foundMs: 300_000, notFoundMs: 30_000 },
      missing: 'blank',
      format: 'original',
      sizes: undefined,
    });
  });

  it('serves every size of uploads that are all on disk, where none are listed', async () => {
    const onDisk = {
      AVATAR_LOCATOR: 'discourse',
      AVATAR_DISCOURSE_URL: url,
      AVATAR_ORIGINALS: 'file:/shared file:/former',
    };
    expect(await loadConfig(onDisk)).toMatchObject({ sizes: 'any' });
    expect(await loadConfig({ ...onDisk, AVATAR_SIZES: '48' })).toMatchObject({ sizes: [48] });
  });

  it('leaves what is set as it is set', async () => {
    const config = await loadConfig({
      AVATAR_LOCATOR: 'discourse',
      AVATAR_DISCOURSE_URL: url,
      AVATAR_MISSING: 'letter',
      AVATAR_FORMAT: 'png',
      AVATAR_SIZES: 'any',
    });
    expect(config).toMatchObject({ missing: 'letter', format: 'png', sizes: 'any' });
  });

  it('shows nothing of an address that is none: it may hold a password nevertheless', async () => {
    const [issue] = await issuesOf({
      AVATAR_LOCATOR: 'discourse',
      AVATAR_DISCOURSE_URL: 'host=db password=hunter2',
    });
    expect(issue).toMatchObject({ variable: 'AVATAR_DISCOURSE_URL', value: '…' });
    expect(JSON.stringify(issue)).not.toContain('hunter2');
  });

  it('needs a database', async () => {
    const [issue] = await issuesOf({ AVATAR_LOCATOR: 'discourse' });
    expect(issue).toMatchObject({ variable: 'AVATAR_DISCOURSE_URL' });
  });

  it('takes one database or a file of several, not both', async () => {
    const issues = await issuesOf({
      AVATAR_LOCATOR: 'discourse',
      AVATAR_DISCOURSE_URL: url,
      AVATAR_SITES: 'test/config/sites.json',
    });
    expect(issues).toMatchObject([{ variable: 'AVATAR_SITES' }]);
  });

  it('reads the file of sites, and says where it is wrong', async () => {
    const config = await loadConfig({
      AVATAR_LOCATOR: 'discourse',
      AVATAR_SITES: 'test/config/sites.json',
    });
    expect(config.locator).toMatchObject({ sites: { default: { name: 'one' } } });
    const [missing] = await issuesOf({
      AVATAR_LOCATOR: 'discourse',
      AVATAR_SITES: '/nowhere.json',
    });
    expect(missing?.allowed).toContain('cannot be read');
    const [wrong] = await issuesOf({ AVATAR_LOCATOR: 'discourse', AVATAR_SITES: 'package.json' });
    expect(wrong?.allowed).toContain('sites');
  });

  it.each(['shared/standalone', '/shared/standalone/', '/'])(
    'takes %j as the place of what is on disk',
    async (prefix) => {
      const config = await loadConfig({
        AVATAR_LOCATOR: 'discourse',
        AVATAR_DISCOURSE_URL: url,
        AVATAR_DISCOURSE_LOCAL_PREFIX: prefix,
      });
      expect(config.locator).toMatchObject({ localPrefix: prefix });
    },
  );

  it.each(['./shared', 'old//uploads', '../shared', 'shared/..', 'a\\b'])(
    'refuses %j as that place, below which no key could be',
    async (prefix) => {
      const issues = await issuesOf({
        AVATAR_LOCATOR: 'discourse',
        AVATAR_DISCOURSE_URL: url,
        AVATAR_DISCOURSE_LOCAL_PREFIX: prefix,
      });
      expect(issues).toMatchObject([
        {
          variable: 'AVATAR_DISCOURSE_LOCAL_PREFIX',
          value: prefix,
          allowed: expect.stringContaining('folder names'),
        },
      ]);
    },
  );

  it.each([
    ['AVATAR_DISCOURSE_URL', url],
    ['AVATAR_SITES', 'test/config/sites.json'],
  ])(
    'is what %s is for: with a template it is refused, since nobody would read it',
    async (name, value) => {
      for (const locator of ['', 'template:{user}/{id}']) {
        const issues = await issuesOf({ AVATAR_LOCATOR: locator, [name]: value });
        expect(issues).toMatchObject([
          { variable: name, allowed: expect.stringContaining('AVATAR_LOCATOR=discourse') },
        ]);
        expect(new ConfigError(issues).message).not.toContain('hunter2');
      }
      // Of a locator that is none nobody knows which of them it was to be.
      const issues = await issuesOf({ AVATAR_LOCATOR: 'discorse', [name]: value });
      expect(issues.map(({ variable }) => variable)).toEqual(['AVATAR_LOCATOR']);
    },
  );

  it('never shows the password', async () => {
    const issues = await issuesOf({
      AVATAR_LOCATOR: 'discourse',
      AVATAR_DISCOURSE_URL: 'mysql://u:hunter2@h/d',
    });
    expect(issues).toHaveLength(1);
    expect(new ConfigError(issues).message).not.toContain('hunter2');
  });
});
