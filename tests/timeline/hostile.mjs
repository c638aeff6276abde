// hostile.mjs PAGE TEXTS: names that would be markup, programs or tricks are shown as text.
// TEXTS is a JSON list of what must be seen, letter by letter.

import { readFileSync } from 'node:fs';
import { drawn, expect, finish, withPage } from './browser.mjs';

const [, , path, textsPath] = process.argv;
const texts = JSON.parse(readFileSync(textsPath, 'utf8'));

await withPage(path, {}, async (page, said) => {
  await drawn(page);
  const before = await page.evaluate(() => document.querySelectorAll('script, img, iframe').length);
  const seen = [];
  const count = await page.evaluate(() => timeline.count);
  for (let step = 0; step < count; step += 1) {
    await page.evaluate((place) => (location.hash = `#rpc=0:${1 + 2 * place}`), step);
    await drawn(page);
    seen.push(await page.textContent('#details'));
  }
  await page.evaluate(() => (location.hash = '#conn=0'));
  await page.focus('#stage');
  await page.keyboard.press('ArrowUp');
  seen.push(await page.textContent('#details'));
  const all = seen.join('\n');
  for (const text of texts) expect(all.includes(text), `not shown as text: ${JSON.stringify(text)} in ${all}`);
  // No control character, and none that turns the order of what follows.
  const tricks = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/;
  expect(!tricks.test(all), 'a character that moves or reorders text came through');
  expect((await page.evaluate(() => globalThis.pwned)) === undefined, 'a program from the capture ran');
  expect((await page.evaluate(() => document.querySelectorAll('script, img, iframe').length)) === before, 'an element from the capture came to be');
  expect(said.length === 0, said.join('; '));
});
finish({ texts: texts.length });
