// both_ends.mjs PAGE PROXIED [SHOTS]: the page of a connection captured at both ends, and that of a call through a proxy.

import { drawn, expect, finish, withPage } from './browser.mjs';

const [, , path, proxied, shots] = process.argv;
let slants = 0;

/** What is drawn between the ends of a connection: each from where to where, in pixels. */
const ways = (page, connection = 0) => page.evaluate((number) => timeline.ways(number), connection);

await withPage(path, { width: 1280, height: 900 }, async (page, said) => {
  await drawn(page);
  const all = await ways(page);
  expect(all !== null, 'both ends are not drawn at once where there is one connection');
  slants = all.length;
  const named = (kind, number, fate) => all.filter((way) => way.kind === kind && way.number === number && way.fate === fate);
  // Each slant goes from its sender's line to its receiver's, forward in time.
  const came = all.filter((way) => way.fate === 'came');
  const [top, bottom] = [Math.min(...came.map(({ y0, y1 }) => Math.min(y0, y1))), Math.max(...came.map(({ y0, y1 }) => Math.max(y0, y1)))];
  for (const way of came) {
    const [start, end] = way.fromServer ? [bottom, top] : [top, bottom];
    expect(way.y0 === start && way.y1 === end, `${way.kind} ${way.number} goes from ${way.y0} to ${way.y1}, not from ${start} to ${end}`);
    expect(way.x1 > way.x0, `${way.kind} ${way.number} comes before it leaves`);
  }
  for (const stream of [1, 9]) {
    expect(named('HEADERS', stream, 'came').length === 1 && named('END_STREAM', stream, 'came').length === 1, `stream ${stream} has no slant each way`);
  }
  // What the network lost, and what a capture lacks, ends in mid-air.
  for (const [kind, stream, fate] of [['HEADERS', 3, 'lost_once'], ['HEADERS', 5, 'lost_once'], ['HEADERS', 7, 'uncaptured'], ['HEADERS', 11, 'lost']]) {
    const [way] = named(kind, stream, fate);
    expect(way !== undefined, `${kind} ${stream} is not ${fate} but ${JSON.stringify(all.filter((one) => one.number === stream))}`);
    expect(way === undefined || (way.y1 > top + 20 && way.y1 < bottom - 10), `${kind} ${stream} does not end in mid-air but at ${way?.y1}`);
  }
  expect(all.some((way) => way.kind === 'segment' && way.fromServer && way.fate === 'lost_once'), 'the lost answer is not drawn');
  expect(all.filter((way) => way.kind === 'sent again').length >= 2, 'the copies are not drawn');
  await tells(page);
  await leads(page);
  if (shots) await looks(page);
  expect(said.length === 0, `the page said or asked for: ${said.join('; ')}`);
});
await withPage(proxied, { width: 1280, height: 900 }, async (page, said) => {
  await drawn(page);
  const hops = await page.evaluate(() => timeline.hops());
  expect(hops.length === 2, `two calls are passed on, not ${JSON.stringify(hops)}`);
  const died = hops.filter((hop) => hop.died);
  expect(died.length === 1, `one hop died, not ${JSON.stringify(died)}`);
  if (died.length === 1) await crosses(page, died[0]);
  expect(said.length === 0, `the page of a proxy said or asked for: ${said.join('; ')}`);
});
finish({ slants });

/** A slant's words under the pointer, and its call with a click. */
async function tells(page) {
  const at7 = await place(page, '#time=190000..300000', 7);
  await page.mouse.move(...at7);
  await drawn(page);
  const proof = await page.textContent('#tip');
  expect(/HEADERS 7, sent by the client/.test(proof) && /acknowledged \+[\d.]+ s ± [\d.]+ ms, packet \d+ of server\.pcap/.test(proof), `the tip of what a capture lacks is ${proof}`);
  const at = await place(page, '#time=50000..160000', 3);
  await page.mouse.move(...at);
  await drawn(page);
  const tip = await page.textContent('#tip');
  expect(/HEADERS 3, sent by the client/.test(tip) && /the network lost it/.test(tip) && /the copy left/.test(tip), `the tip of a lost slant is ${tip}`);
  await page.mouse.click(...at);
  await drawn(page);
  expect((await page.evaluate(() => timeline.selected())) === '0:3', 'a click on a slant does not choose its call');
}

/** Where the slant of a request is to be pointed at, once a part is shown. */
async function place(page, hash, stream) {
  await page.evaluate((next) => (location.hash = next), hash);
  await drawn(page);
  const way = (await ways(page)).find(({ kind, number }) => kind === 'HEADERS' && number === stream);
  const box = await page.locator('#canvas').boundingBox();
  return [box.x + way.x0 + (way.x1 - way.x0) * 0.8, box.y + way.y0 + (way.y1 - way.y0) * 0.8];
}

/** From the details of a call to its way, large enough to be read. */
async function leads(page) {
  await page.locator('#details .way').first().click();
  await drawn(page);
  const way = (await ways(page)).find(({ kind, number }) => kind === 'HEADERS' && number === 3);
  expect(way !== undefined && way.x1 - way.x0 > 10, `the way is not shown large enough: ${JSON.stringify(way)}`);
  await page.click('#fit');
  await drawn(page);
}

async function looks(page) {
  await page.evaluate(() => (location.hash = '#time=20000..220000&theme=light'));
  await drawn(page);
  await page.screenshot({ path: `${shots}-light.png` });
  await page.evaluate(() => (location.hash = '#time=20000..220000&theme=dark'));
  await drawn(page);
  await page.screenshot({ path: `${shots}-dark.png` });
}

/** A click on a call's link, or on the line, goes to the call on the other side of the proxy, and back. */
async function crosses(page, hop) {
  await page.evaluate((id) => (location.hash = `#rpc=${id}`), hop.from);
  await drawn(page);
  const details = await page.textContent('#details');
  expect(/Failed.*upstream 192\.0\.2\.3:50051/.test(details), `the details do not name the hop: ${details}`);
  await page.click('#details .hop');
  await drawn(page);
  expect((await page.evaluate(() => timeline.selected())) === hop.to, 'the link does not go over the hop');
  const [from, to] = await page.evaluate((ids) => ids.map((id) => timeline.place(id)), [hop.from, hop.to]);
  if (shots) await page.screenshot({ path: `${shots}-proxied.png` });
  const box = await page.locator('#canvas').boundingBox();
  await page.mouse.click(box.x + (from.from + to.from) / 2, box.y + (from.y + to.y) / 2);
  await drawn(page);
  expect((await page.evaluate(() => timeline.selected())) === hop.from, 'a click on the line does not go back over the hop');
}
