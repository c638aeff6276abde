// mermaid.mjs DIAGRAM...: each file is a diagram that the real Mermaid parses and draws.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { expect, finish, withPage } from './browser.mjs';

const library = createRequire(import.meta.url).resolve('mermaid/dist/mermaid.min.js');
const paths = process.argv.slice(2);

await withPage('', {}, async (page, said) => {
  await page.setContent('<!doctype html><title>Mermaid</title><main></main>');
  await page.addScriptTag({ path: library });
  for (const path of paths) {
    const source = readFileSync(path, 'utf8');
    const result = await page.evaluate(async (text) => {
      mermaid.initialize({ startOnLoad: false });
      try {
        const { diagramType } = await mermaid.parse(text);
        const { svg } = await mermaid.render(`d${Math.random().toString(36).slice(2)}`, text);
        return { diagramType, drawn: svg.length };
      } catch (error) {
        return { error: error.message };
      }
    }, source);
    expect(result.diagramType === 'sequence' && result.drawn > 1000, `${path}: ${JSON.stringify(result)}\n${source}`);
  }
  expect(said.filter((line) => !line.startsWith('request: blob')).length === 0, said.join('; '));
});
finish({ diagrams: paths.length });
