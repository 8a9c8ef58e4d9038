import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  keepScreenshot,
  launchChromium,
  type PageComplaints,
  watchPage,
} from '#test/support/chromium';
import { GATEWAY_KEY, startTestGateway, type TestGateway } from '#test/support/test-gateway';

const ADMIN = { id: 'test', entitlements: new Set(['*']), isAdmin: true };

let site: TestGateway;
let browser: Browser;

beforeAll(async () => {
  site = await startTestGateway({ withWorker: true });
  browser = await launchChromium();
});
afterAll(async () => {
  await browser?.close();
  await site?.stop();
});

const logIn = async (page: Page): Promise<void> => {
  await page.goto(`${site.url}/board`);
  await page.getByLabel('API key').fill(GATEWAY_KEY);
  await Promise.all([
    page.waitForURL('**/board'),
    page.getByRole('button', { name: 'Log in' }).click(),
  ]);
};

const openMenu = (page: Page): Promise<void> =>
  page.locator('button:has(svg.lucide-ellipsis-vertical)').first().click();

describe.each(['light', 'dark'] as const)('in %s', (colorScheme) => {
  let context: BrowserContext;
  let page: Page;
  let complaints: PageComplaints;

  beforeEach(async () => {
    context = await browser.newContext({ colorScheme, viewport: { width: 1280, height: 800 } });
    page = await context.newPage();
    complaints = watchPage(page, site.url);
    return () => context.close();
  });

  const expectNoComplaints = (): void => {
    expect(complaints).toEqual({ errors: [], violations: [], foreign: [], dialogs: [] });
  };

  it('asks for the key, refuses a wrong one, and lets in', async () => {
    await page.goto(`${site.url}/board`);
    expect(page.url()).toBe(`${site.url}/login?next=%2Fboard`);
    await keepScreenshot(page, `login-${colorScheme}`);
    expectNoComplaints();
    await page.getByLabel('API key').fill('wrong');
    await page.getByRole('button', { name: 'Log in' }).click();
    await page.getByRole('alert').waitFor();
    await keepScreenshot(page, `login-refused-${colorScheme}`);
    await logIn(page);
    await page.goto(`${site.url}/logout`);
    await keepScreenshot(page, `logout-${colorScheme}`);
    await page.getByRole('button', { name: 'Log out' }).click();
    await page.waitForURL('**/login');
  });

  it('shows every queue, and markup in a title as text', async () => {
    await logIn(page);
    for (const title of ['Window digest', 'Always fails <script>', 'Guarded sweep', 'shared-work'])
      await page.getByText(title).first().waitFor();
    await keepScreenshot(page, `board-${colorScheme}`);
    expectNoComplaints();
  });

  it('starts a run by the form', async () => {
    await logIn(page);
    await page.goto(`${site.url}/board/queue/cost.window_digest`);
    await page.getByText('Counts what happened').first().waitFor();
    await openMenu(page);
    await page.getByRole('menuitem', { name: 'Add job' }).click();
    await page.getByLabel('Job name').waitFor();
    await page.getByText('window_hours').first().waitFor();
    await keepScreenshot(page, `add-job-${colorScheme}`);
    const answered = page.waitForResponse((answer) => answer.url().endsWith('/add'));
    await page.getByRole('button', { name: 'Add', exact: true }).click();
    const answer = await answered;
    expect(answer.status()).toBe(200);
    const { job } = (await answer.json()) as { job: { id: string } };
    const run = await site.ended(job.id);
    expect(run).toMatchObject({ trigger: 'board', actor: 'board:gateway', state: 'succeeded' });
    expectNoComplaints();
  });

  it('shows a failed job with its message as text', async () => {
    const started = await site.runs.start({
      taskId: 'always_fails',
      inputs: {},
      dryRun: false,
      force: false,
      trigger: 'cli',
      actor: ADMIN,
    });
    await site.ended(started.runId);
    await logIn(page);
    await page.goto(`${site.url}/board/queue/audit.always_fails/${started.runId}`);
    await page.getByText('Open run').first().waitFor();
    await keepScreenshot(page, `failed-job-${colorScheme}`);
    await page.goto(`${site.url}/board/queue/audit.always_fails?status=failed`);
    await page.getByText('onerror=alert(3)').first().waitFor();
    await keepScreenshot(page, `failed-queue-${colorScheme}`);
    expectNoComplaints();
  });

  it('offers only what it passes on', async () => {
    const started = await site.runs.start({
      taskId: 'always_fails',
      inputs: {},
      dryRun: false,
      force: false,
      trigger: 'cli',
      actor: ADMIN,
    });
    await site.ended(started.runId);
    await logIn(page);
    await page.goto(`${site.url}/board/queue/audit.always_fails?status=failed`);
    await page.getByText(started.runId).first().waitFor();
    const icons = (selector: string) =>
      page
        .locator(`${selector}:visible svg.lucide`)
        .evaluateAll((found) => found.map((icon) => icon.getAttribute('class') ?? ''));
    const onJobs = (await icons('button[class*="button-GXX8BV"]')).join(' ');
    expect(onJobs).toContain('refresh-cw');
    expect(onJobs).not.toMatch(/trash|pencil|files|clock|corner/);
    expect(await icons('button[class*="button-nYphDd"]')).toEqual([]);
    await openMenu(page);
    await page.getByRole('menuitem', { name: 'Add job' }).waitFor();
    expect(await page.locator('[role="menuitem"]:visible').allTextContents()).toEqual([
      'Add job',
      'Pause',
    ]);
    await keepScreenshot(page, `queue-menu-${colorScheme}`);
  });

  it('retries by a further run, and pauses the task in the ledger', async () => {
    const started = await site.runs.start({
      taskId: 'always_fails',
      inputs: {},
      dryRun: false,
      force: false,
      trigger: 'cli',
      actor: ADMIN,
    });
    await site.ended(started.runId);
    await logIn(page);
    await page.goto(`${site.url}/board/queue/audit.always_fails/${started.runId}`);
    const retried = page.waitForResponse((answer) => answer.url().endsWith('/retry'));
    await page.locator('button[class*="button-GXX8BV"]:has(svg.lucide-refresh-cw)').click();
    await page.getByRole('button', { name: 'Confirm', exact: true }).click();
    expect((await retried).status()).toBe(204);
    const [newest] = await site.runs.list(ADMIN, { limit: 1 });
    expect(newest).toMatchObject({ retryOf: started.runId, actor: 'board:gateway' });
    await site.ended(String(newest?.id));

    await page.goto(`${site.url}/board/queue/audit.always_fails`);
    const change = async (name: 'Pause' | 'Resume'): Promise<void> => {
      await openMenu(page);
      const answered = page.waitForResponse((answer) =>
        answer.url().endsWith(`/${name.toLowerCase()}`),
      );
      await page.getByRole('menuitem', { name }).click();
      await page.getByRole('button', { name: 'Confirm', exact: true }).click();
      expect((await answered).status()).toBe(200);
    };
    await change('Pause');
    expect((await site.runs.getTask(ADMIN, 'always_fails')).pause?.by).toBe('board:gateway');
    await page.reload();
    await page.getByText('Fails with').first().waitFor();
    await keepScreenshot(page, `paused-${colorScheme}`);
    await change('Resume');
    expect((await site.runs.getTask(ADMIN, 'always_fails')).pause).toBeNull();
    expectNoComplaints();
  });

  it('shows why a start was refused', async () => {
    await logIn(page);
    await page.goto(`${site.url}/board/queue/audit.guarded_sweep`);
    await page.getByText('wants a dry-run first').first().waitFor();
    await openMenu(page);
    await page.getByRole('menuitem', { name: 'Add job' }).click();
    await page.getByLabel('Job name').waitFor();
    await page.getByRole('button', { name: 'Add', exact: true }).click();
    await page
      .getByText(/is destructive/)
      .first()
      .waitFor();
    await keepScreenshot(page, `refused-${colorScheme}`);
    expect(complaints.violations).toEqual([]);
  });
});
