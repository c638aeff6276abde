// page.mjs PAGE VICTIMS: the page of a recording does what it promises.
// VICTIMS is a JSON list of { id, call } of the recorder's own truth: a request id and `conn:stream`.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { drawn, expect, finish, withPage } from './browser.mjs';

const [, , path, victimsPath, shots] = process.argv;
const victims = JSON.parse(readFileSync(victimsPath, 'utf8'));
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

await withPage(path, {}, async (page, said, context) => {
  await context.route(/^https?:/, (route) => route.abort());
  await drawn(page);
  await searches(page);
  await findings(page);
  await keyboard(page);
  await address(page);
  expect(said.length === 0, `the page said or asked for: ${said.join('; ')}`);
});
for (const scheme of ['light', 'dark']) {
  for (const width of [1280, 400]) await looks(scheme, width);
}
finish({ victims: victims.length });

/** Every victim of the truth is found by its request id and by its stream. */
async function searches(page) {
  for (const victim of victims) {
    const found = await page.evaluate(([id, call]) => [timeline.find(id), timeline.find(call)], [victim.id, victim.call]);
    expect(found[0].includes(victim.call), `${victim.id} does not find ${victim.call} but ${found[0]}`);
    expect(found[1].length === 1 && found[1][0] === victim.call, `${victim.call} finds ${found[1]}`);
  }
  // Once through the box itself.
  const [victim] = victims;
  await page.fill('#query', victim.id);
  await page.press('#query', 'Enter');
  await drawn(page);
  const selected = await page.evaluate(() => timeline.selected());
  expect(victims.some((one) => one.id === victim.id && one.call === selected), `Enter chose ${selected}`);
  await inView(page, selected, 'after a search');
  await page.fill('#query', '');
  await page.waitForTimeout(250);
}

/** A click on a finding fills the width with its calls on the connection that lost most, below its name. */
async function findings(page) {
  const list = await page.evaluate(() => JSON.parse(document.getElementById('data').textContent).findings.map((one) => one.calls.map((call) => call.join(':'))));
  expect(list.length > 0, 'no findings');
  for (const [index, calls] of list.entries()) {
    await page.click('#fit');
    await page.locator('.finding > button').nth(index).click();
    await drawn(page);
    if (calls.length === 0) continue;
    const places = await page.evaluate((ids) => ids.map((id) => ({ id, ...timeline.place(id) })), worstConnection(calls));
    const { width, height } = await page.evaluate(() => timeline.shown());
    for (const { id, from, to } of places) expect(from >= -1 && to <= width + 1, `finding ${index}: ${id} is not in view in time (${from} to ${to} of ${width})`);
    const span = Math.max(...places.map(({ to }) => to)) - Math.min(...places.map(({ from }) => from));
    const lasting = await page.evaluate(() => { const { from, to } = timeline.shown(); return to - from > 5000; });
    expect(!lasting || span > width / 3, `finding ${index}: its RPCs fill ${Math.round(span)} of ${width} pixels`);
    expect(places.some(({ y }) => y > 0 && y < height), `finding ${index}: none of its RPCs is in view in height`);
  }
}

/** Of `conn:stream` those of the connection that has most. */
function worstConnection(calls) {
  const groups = {};
  for (const call of calls) (groups[call.split(':')[0]] ??= []).push(call);
  return Object.values(groups).reduce((one, other) => (other.length > one.length ? other : one));
}

async function inView(page, id, when) {
  const { from, to, y, width, height } = await page.evaluate((call) => ({ ...timeline.place(call), ...(({ width, height }) => ({ width, height }))(timeline.shown()) }), id);
  expect(to >= 0 && from <= width && y > 0 && y < height, `${id} is not in view ${when}: ${from} to ${to}, ${y}`);
}

/** The keyboard alone gets to everything: each control by Tab, each RPC, lane and finding by keys. */
async function keyboard(page) {
  await page.reload();
  await drawn(page);
  const reached = new Set();
  for (let step = 0; step < 60; step += 1) {
    await page.keyboard.press('Tab');
    reached.add(await page.evaluate(() => document.activeElement.id || document.activeElement.className || document.activeElement.tagName));
  }
  for (const control of ['theme', 'help-open', 'query', 'chip', 'zoom-in', 'zoom-out', 'fit', 'stage']) {
    expect(reached.has(control), `Tab does not reach ${control} but ${[...reached]}`);
  }
  await page.focus('#stage');
  const before = await page.evaluate(() => timeline.shown());
  for (const key of ['+', '+', 'ArrowRight', 'ArrowLeft', '-']) await page.keyboard.press(key);
  await drawn(page);
  const after = await page.evaluate(() => timeline.shown());
  expect(after.to - after.from < before.to - before.from, 'plus does not zoom');
  await page.keyboard.press('0');
  // Every RPC that died, one after the other.
  const dead = new Set();
  const calls = new Set(victims.map((victim) => victim.call));
  for (let step = 0; step < calls.size; step += 1) {
    await page.keyboard.press('n');
    dead.add(await page.evaluate(() => timeline.selected()));
  }
  const missed = [...calls].filter((call) => !dead.has(call));
  expect(missed.length === 0, `N does not reach ${missed.slice(0, 5)} (${missed.length})`);
  const selected = await page.evaluate(() => timeline.selected());
  await drawn(page);
  await inView(page, selected, 'after N');
  // The last victim may be the last RPC of its connection: there and back.
  await page.keyboard.press('Shift+ArrowLeft');
  expect((await page.evaluate(() => timeline.selected())) !== selected, 'Shift and left does not go to the previous RPC');
  await page.keyboard.press('Shift+ArrowRight');
  expect((await page.evaluate(() => timeline.selected())) === selected, 'Shift and right does not go to the next RPC');
  await page.keyboard.press('Enter');
  expect(await page.evaluate(() => document.activeElement.id === 'details'), 'Enter does not go to the details');
  const details = await page.textContent('#details');
  expect(/packet \d+/.test(details) && /tcp\.stream == \d+ && http2\.streamid == \d+/.test(details), `the details lack packets or filter: ${details}`);
  await page.keyboard.press('Escape');
  await page.keyboard.press('ArrowDown');
  expect(/conn \d/.test(await page.textContent('#details h2')), 'arrow down does not choose a connection');
  await page.keyboard.press('f');
  expect((await page.locator('.finding.current').count()) === 1, 'F does not go to a finding');
  await page.keyboard.press('1');
  expect(await page.locator('.finding').first().evaluate((item) => item.classList.contains('current')), '1 does not go to the first finding');
  await message(page);
  await page.keyboard.press('?');
  expect(await page.evaluate(() => document.getElementById('help').open), 'the question mark does not open the help');
  await page.keyboard.press('Escape');
  await page.keyboard.press('/');
  expect(await page.evaluate(() => document.activeElement.id === 'query'), 'the slash does not go to the search');
}

/** A line of an application's log finds the calls that it is about. */
async function message(page) {
  const texts = await page.evaluate(() => JSON.parse(document.getElementById('data').textContent).calls.fates.map((fate) => fate.appError).filter(Boolean));
  for (const text of texts) {
    const line = `2026-11-22T06:50:43Z level=error msg=${JSON.stringify(text)} attempt=1`;
    const [whole, logged] = await page.evaluate((queries) => queries.map((query) => timeline.find(query)), [text, line]);
    expect(whole.length > 0 && whole.join() === logged.join(), `${line} finds ${logged.length} RPCs, and its message ${whole.length}`);
  }
}

/** What the address says is shown again. */
async function address(page) {
  const [victim] = victims;
  await page.evaluate((hash) => (location.hash = hash), `#time=1000..900000&rpc=${victim.call}&hide=ok`);
  await drawn(page);
  await page.waitForTimeout(400);
  const { from, to } = await page.evaluate(() => timeline.shown());
  expect(Math.abs(from - 1000) < 2 && Math.abs(to - 900000) < 2, `the address shows ${from} to ${to}`);
  expect((await page.evaluate(() => timeline.selected())) === victim.call, 'the address does not choose its RPC');
  expect((await page.getAttribute('.chip[data-verdict="ok"]', 'aria-pressed')) === 'false', 'the address does not hide a verdict');
  expect((await page.evaluate(() => location.hash)).includes(`rpc=${encodeURIComponent(victim.call)}`), 'the address is not kept');
}

/** Names and contrast, in both themes, wide and narrow, with and without details. */
async function looks(scheme, width) {
  await withPage(path, { width, scheme }, async (page, said) => {
    await drawn(page);
    if (shots) await page.screenshot({ path: `${shots}-${scheme}-${width}.png` });
    for (const hash of ['', `#finding=0&rpc=${victims[0].call}&search=${victims[0].id}`]) {
      await page.evaluate((next) => (location.hash = next), hash);
      await drawn(page);
      const { violations } = await page.evaluate(`${axe}; axe.run(document, { resultTypes: ['violations'] })`);
      for (const violation of violations) {
        const where = violation.nodes.map((node) => `${node.target} (${node.failureSummary})`).slice(0, 3);
        expect(false, `axe, ${scheme}, ${width}: ${violation.id}: ${where.join('; ')}`);
      }
      const sideways = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      expect(sideways <= 0, `${scheme}, ${width}: the page scrolls sideways by ${sideways}`);
    }
    if (shots) await page.screenshot({ path: `${shots}-${scheme}-${width}-chosen.png`, fullPage: width < 800 });
    expect(said.length === 0, `${scheme}, ${width}: ${said.join('; ')}`);
  });
}
