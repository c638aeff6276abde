// A real browser that may reach nothing, and what it had to say.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';

const EXECUTABLE = process.env.H2SNIFF_CHROMIUM ?? '/usr/bin/chromium';

const ARGUMENTS = [
  '--headless', '--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync',
];

/** Opens a page from the disk and gives it to `visit`; what it said and asked for is in `said`. */
export async function withPage(path, { width = 1280, height = 800, scheme = 'light' }, visit) {
  const profile = mkdtempSync(join(tmpdir(), 'h2sniff-browser-'));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: EXECUTABLE,
    args: ARGUMENTS,
    viewport: { width, height },
    colorScheme: scheme,
  });
  const said = [];
  try {
    const page = context.pages()[0] ?? (await context.newPage());
    page.on('console', (message) => said.push(`console: ${message.text()}`));
    page.on('pageerror', (error) => said.push(`error: ${error.message}`));
    page.on('dialog', (dialog) => { said.push(`dialog: ${dialog.message()}`); dialog.dismiss(); });
    context.on('request', (request) => {
      if (!request.url().startsWith(`file://${path}`)) said.push(`request: ${request.url()}`);
    });
    if (path) await page.goto(`file://${path}`);
    return await visit(page, said, context);
  } finally {
    await context.close();
    rmSync(profile, { recursive: true, force: true });
  }
}

const failures = [];

/** Notes a failure unless the condition holds; the run goes on, so that one run tells all. */
export function expect(condition, message) {
  if (!condition) failures.push(message);
}

/** Ends the run: figures on standard output, failures on standard error. */
export function finish(figures = {}) {
  console.log(JSON.stringify(figures));
  for (const failure of failures) console.error(`failed: ${failure}`);
  process.exit(failures.length > 0 ? 1 : 0);
}

/** The middle one of five runs. */
export const median = (numbers) => [...numbers].sort((one, other) => one - other)[Math.floor(numbers.length / 2)];

/** Waits until the page has drawn what it was asked to. */
export const drawn = (page) => page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
