import { afterEach, expect, it } from 'vitest';
import { Underway } from '../../src/flow/underway.ts';
import { RenderProcess } from '../../src/render/process.ts';

const { execPath } = process;

afterEach(() => {
  process.execPath = execPath;
});

it('a renderer that cannot be started says so, and has no number', async () => {
  process.execPath = '/nowhere/node';
  const renderer = new RenderProcess(1e9, new Underway(), (error) => {
    throw error;
  });
  await expect(renderer.ready).rejects.toThrow(
    /^a renderer could not be started: spawn \/nowhere\/node ENOENT$/,
  );
});
