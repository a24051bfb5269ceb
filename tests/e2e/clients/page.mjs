// A person at the server's own page: starts a kernel, interrupts it, restarts it, shuts it down.
//
// Usage: node page.mjs '{"url": …, "token": …, "browser": …, "artifacts": …, "patience": seconds, "crowd": {PATH: MODELS}}'
// Prints one JSON object: what was on the page after each step. Screenshots of the steps go to `artifacts`.

import { join } from 'node:path';
import { chromium } from 'playwright-core';

import { browserArguments } from './browser.mjs';

const { url, token, browser, artifacts, patience, crowd } = JSON.parse(process.argv[2]);

const running = await chromium.launch({
  executablePath: browser,
  args: browserArguments,
});
const context = await running.newContext({ viewport: { width: 1100, height: 1000 } });
context.setDefaultTimeout(patience * 1000);
const page = await context.newPage();

const trouble = [];
page.on('console', message => {
  if (['error', 'warning'].includes(message.type())) {
    trouble.push(message.text());
  }
});
page.on('pageerror', error => trouble.push(String(error)));
page.on('dialog', dialog => dialog.accept());

const seen = {};
const kernels = page.locator('#kernels');
const button = name => page.getByRole('button', { name });

async function screenshot(name) {
  await page.screenshot({ path: join(artifacts, `page-${name}.png`), fullPage: true });
}

await page.goto(`${url}/?token=${token}`);
await kernels.getByText('No kernel runs').waitFor();
seen.address = page.url();
seen.attach = await page.locator('#attach').innerText();
await page.locator('#mappings tbody tr').first().waitFor();
seen.mappings = await page.locator('#mappings').innerText();
seen.specs = await page.locator('#specs').innerText();
await screenshot('empty');

await page.getByRole('button', { name: 'Start Python 3 (ipykernel)', exact: true }).click();
await kernels.locator('.state.idle').waitFor();
seen.started = await kernels.innerText();
await screenshot('kernel');

await button(/^Interrupt Python 3/).click();
await page.getByText(/: interrupted$/).waitFor({ state: 'attached' });

await button(/^Restart Python 3/).click();
await kernels.getByText('restarted 1×').waitFor();
await kernels.locator('.state.idle').waitFor();

await button(/^Shut down Python 3/).click();
await kernels.getByText('No kernel runs').waitFor();

// The token has left the address bar; the cookie does what it did.
await page.reload();
await kernels.getByText('No kernel runs').waitFor();
seen.attach_without_token = await page.locator('#attach').innerText();
seen.trouble = [...trouble];

// Many kernels, on a screen of a phone and on one of a desk.
seen.sizes = {};
for (const width of [390, 1280]) {
  await page.setViewportSize({ width, height: 900 });
  await page.unrouteAll();
  for (const [path, models] of Object.entries(crowd)) {
    await page.route(`**/api/${path}?*`, route => route.fulfill({ json: models }));
  }
  await page.reload();
  await kernels.getByText('walk.ipynb', { exact: true }).waitFor();
  seen.sizes[width] = {
    kernels: await kernels.innerText(),
    // How far anything reaches beyond what can be seen without scrolling sideways.
    overflow: await page.evaluate(() =>
      [document.documentElement, ...document.querySelectorAll('.scroll')].map(
        element => element.scrollWidth - element.clientWidth
      )
    ),
  };
  await screenshot(`crowd-${width}`);
}

// A machine without kernels.
await page.unrouteAll();
await page.route('**/api/kernelspecs?*', route =>
  route.fulfill({ json: { default: 'python3', kernelspecs: {} } })
);
await page.route('**/api/nextgen/registry/doctor?*', route =>
  route.fulfill({ json: { problems: [{ subject: 'kernel specs', source: '', message: 'Run: pip install' }] } })
);
await page.reload();
await page.locator('#specs').getByText('Run: pip install').waitFor();
await page.unrouteAll();
await page.locator('#specs').getByText('Python 3 (ipykernel)').waitFor();

const stranger = await (await running.newContext()).newPage();
await stranger.goto(url);
seen.stranger = await stranger.locator('main').innerText();

console.log(JSON.stringify(seen));
await running.close();
