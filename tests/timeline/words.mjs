// words.mjs CASES: the page words numbers as the program does. It takes no browser.
// CASES is a JSON object of the page's functions, each with a list of [number, words].

import { readFileSync } from 'node:fs';
import { createContext, runInContext } from 'node:vm';

const cases = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const page = createContext({});
runInContext(readFileSync(new URL('../../src/report/timeline/html/words.js', import.meta.url), 'utf8'), page);

let compared = 0;
for (const [name, list] of Object.entries(cases)) {
  const worded = runInContext(name, page);
  for (const [number, words] of list) {
    compared += 1;
    if (worded(number) === words) continue;
    console.error(`${name}(${number}) is ${worded(number)} on the page and ${words} elsewhere`);
    process.exitCode = 1;
  }
}
console.log(JSON.stringify({ compared }));
