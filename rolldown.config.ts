/**
 * What is delivered: a few files with their libraries in them. As hundreds of modules the service takes
 * nearly twice as long to start. Not minified, so that a stack trace can be read.
 */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { defineConfig, type Plugin } from 'rolldown';
import packageDescription from './package.json' with { type: 'json' };

const { engines } = packageDescription;
const GALLERY = join(import.meta.dirname, 'src', 'http', 'gallery');

/** What browsers are sent as it is: see http/gallery.ts. */
const galleryFiles: Plugin = {
  name: 'gallery-files',
  async generateBundle() {
    const files = await readdir(GALLERY);
    for (const file of files.filter((name) => /\.(?:html|css|js)$/.test(name))) {
      const source = await readFile(join(GALLERY, file), 'utf8');
      this.emitFile({ type: 'asset', fileName: `gallery/${file}`, source });
    }
  },
};

export default defineConfig({
  input: {
    main: 'src/main.ts',
    cli: 'src/cli/main.ts',
    // Found by name, in a process of its own: see render/process.ts.
    renderer: 'src/render/renderer.ts',
  },
  plugins: [galleryFiles],
  platform: 'node',
  // The oldest that may run it: it knows no `using` yet.
  transform: { target: engines.node.replace('>=', 'node') },
  // With native code or files beside them, or loaded only where configured and large.
  external: [/^sharp$/, /^pg$/, /^harfbuzzjs/, /^woff2-encoder/, /^@fontsource-variable\//],
  output: { dir: 'dist', format: 'esm', chunkFileNames: '[name]-[hash].js', cleanDir: true },
});
