import { existsSync, mkdirSync } from 'node:fs';
import path from 'node:path';
import { type Browser, chromium, type Page } from 'playwright-core';
import { packageRoot } from '#core/package-root';

const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

const PLACES = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
];

/** The machine's own Chromium: CHROMIUM_PATH, or where packages put it. Throws with what to install. */
const findChromium = (): string => {
  const found = [process.env['CHROMIUM_PATH'], ...PLACES].find(
    (place) => place !== undefined && existsSync(place),
  );
  if (found !== undefined) return found;
  throw new Error('no Chromium was found: install it (apt install chromium) or set CHROMIUM_PATH');
};

export const launchChromium = (): Promise<Browser> =>
  chromium.launch({ executablePath: findChromium(), headless: true, args: FLAGS });

/** What the page complained about since it was opened. */
export interface PageComplaints {
  /** Uncaught errors and `console.error`. */
  readonly errors: readonly string[];
  /** What the Content-Security-Policy stopped. */
  readonly violations: readonly string[];
  /** Requests that left this host. */
  readonly foreign: readonly string[];
  /** `alert` and the like: markup that came to life. */
  readonly dialogs: readonly string[];
}

export const watchPage = (page: Page, origin: string): PageComplaints => {
  const errors: string[] = [];
  const violations: string[] = [];
  const foreign: string[] = [];
  const dialogs: string[] = [];
  page.on('pageerror', (error) => errors.push(error.message));
  page.on('console', (message) => {
    const text = message.text();
    if (/Content Security Policy/i.test(text)) violations.push(text);
    else if (message.type() === 'error') errors.push(text);
  });
  page.on('request', (request) => {
    const url = request.url();
    if (!url.startsWith(origin) && !url.startsWith('data:') && !url.startsWith('blob:'))
      foreign.push(url);
  });
  page.on('dialog', (dialog) => {
    dialogs.push(dialog.message());
    void dialog.dismiss();
  });
  return { errors, violations, foreign, dialogs };
};

/** Keeps a picture of the page for people to look at. */
export const keepScreenshot = async (page: Page, name: string): Promise<void> => {
  const folder = path.join(packageRoot(), 'ops', 'screenshots');
  mkdirSync(folder, { recursive: true });
  await page.screenshot({ path: path.join(folder, `${name}.png`) });
};
