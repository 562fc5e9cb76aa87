/** What the folders of `src/` load when they run: nothing above them, as CONTRIBUTING.md has it. */
import { glob, readFile } from 'node:fs/promises';
import { dirname, join, normalize, sep } from 'node:path';
import { parseAst } from 'rolldown/parseAst';
import { expect, it } from 'vitest';

const SOURCES = join(import.meta.dirname, '..', 'src');

/** The way of a request. Each may load what comes after it, and `errors.ts`. */
const WAY = [
  'http',
  'avatar',
  'locator',
  'discourse',
  'originals',
  'inspect',
  'render',
  'letters',
  'variants',
  's3',
  'flow',
  'vocabulary',
];

/** What joins the parts, configures, counts and commands: nothing on the way loads any of it. */
const ABOVE = ['cli', 'config', 'telemetry'];

type Import = { readonly from: string; readonly to: string };

it('no folder on the way of a request loads anything from one above it', async () => {
  const imports = await importsOnTheWay();
  expect(imports.length).toBeGreaterThan(100);
  const upwards = imports.filter(
    ({ from, to }) => to !== 'errors.ts' && WAY.indexOf(folderOf(to)) < WAY.indexOf(folderOf(from)),
  );
  expect(upwards).toEqual([]);
});

it('every folder has its place', async () => {
  const folders = new Set((await sources()).filter((file) => file.includes(sep)).map(folderOf));
  expect([...folders].toSorted()).toEqual([...WAY, ...ABOVE].toSorted());
});

it('what all may load, loads nothing', async () => {
  expect(await importsOf('errors.ts')).toEqual([]);
});

async function sources(): Promise<string[]> {
  const files: string[] = [];
  for await (const file of glob('**/*.ts', { cwd: SOURCES })) files.push(file);
  return files;
}

async function importsOnTheWay(): Promise<Import[]> {
  const files = (await sources()).filter((file) => WAY.includes(folderOf(file)));
  return (await Promise.all(files.map(importsOf))).flat();
}

/** What is there at run time: no types. */
async function importsOf(from: string): Promise<Import[]> {
  const text = await readFile(join(SOURCES, from), 'utf8');
  const loaded: string[] = [];
  visit(parseAst(text, { lang: 'ts' }), loaded);
  return loaded
    .filter((name) => name.startsWith('.'))
    .map((name) => ({ from, to: normalize(join(dirname(from), name)) }));
}

function visit(node: unknown, loaded: string[]): void {
  if (typeof node !== 'object' || node === null) return;
  if (isLoading(node)) loaded.push(node.source.value);
  for (const part of Object.values(node)) visit(part, loaded);
}

type LoadingNode = { readonly source: { readonly value: string } };

/** `import`, `import()` or `export … from`. With nothing but types in its braces it still loads the file. */
function isLoading(node: object): node is LoadingNode {
  const { source, importKind, exportKind }: Record<string, unknown> = { ...node };
  const hasName = typeof source === 'object' && source !== null && 'value' in source;
  return hasName && importKind !== 'type' && exportKind !== 'type';
}

function folderOf(file: string): string {
  return file.split(sep)[0] ?? '';
}
