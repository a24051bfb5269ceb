// A person at JupyterLab: opens a notebook, runs its cells, answers a question, interrupts, restarts, shuts down.
//
// Usage: node jupyterlab_gateway.mjs '{"url": …, "token": …, "notebook": …, "browser": …, "profile": …,
//                                      "artifacts": …, "patience": seconds}'
// Prints one JSON object: what was on the page after each step. Screenshots of the steps go to `artifacts`.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { launchBrowser, noteTrouble } from './browser.mjs';

const { url, token, notebook, browser, profile, artifacts, patience } = JSON.parse(process.argv[2]);

const context = await launchBrowser({ browser, profile, patience });
const page = context.pages()[0] ?? (await context.newPage());
const trouble = [];
noteTrouble(page, trouble);

let step = 'open';
let shots = 0;

async function screenshot(name) {
  shots += 1;
  await page.screenshot({ path: join(artifacts, `jupyterlab-${shots}-${name}.png`) });
}

const cell = number => page.locator('.jp-Notebook .jp-CodeCell').nth(number);
const output = number => cell(number).locator('.jp-OutputArea-output');
const toolbar = name => page.locator(`.jp-NotebookPanel-toolbar [data-jp-item-name="${name}"] jp-button`);
const prompt = number => cell(number).locator('.jp-InputPrompt');
const kernelName = page.locator('.jp-NotebookPanel .jp-KernelName');
const kernelIs = status =>
  page.locator(`.jp-NotebookPanel .jp-Notebook-ExecutionIndicator[data-status="${status}"]`).waitFor({ state: 'attached' });

async function start(number) {
  await cell(number).locator('.jp-InputArea-editor').click();
  await page.keyboard.press('Shift+Enter');
}

async function finished(number) {
  await prompt(number).filter({ hasText: /\[\d+\]/ }).waitFor();
}

const steps = {
  async open() {
    await page.goto(`${url}/lab/tree/${notebook}?token=${token}`);
    await cell(0).waitFor();
    await kernelName.filter({ hasNotText: 'No Kernel' }).waitFor();
    await kernelIs('idle');
    await screenshot('opened');
    return { kernel: await kernelName.innerText() };
  },

  async print() {
    await start(0);
    await finished(0);
    return { text: await output(0).innerText(), prompt: await prompt(0).innerText() };
  },

  async plot() {
    await start(1);
    const image = output(1).locator('img');
    await image.waitFor();
    await finished(1);
    const size = await image.evaluate(element => ({ width: element.naturalWidth, height: element.naturalHeight }));
    await screenshot('plotted');
    return size;
  },

  async ask() {
    await start(2);
    const field = cell(2).locator('.jp-Stdin-input');
    await field.waitFor();
    const question = await cell(2).locator('.jp-Stdin-prompt').innerText();
    await screenshot('asked');
    await field.fill('Ada');
    await field.press('Enter');
    await finished(2);
    return { question, text: (await output(2).allInnerTexts()).join('\n') };
  },

  async interrupt() {
    await start(3);
    await output(3).filter({ hasText: 'looping' }).waitFor();
    await kernelIs('busy');
    const running = await prompt(3).innerText();
    await screenshot('looping');
    await toolbar('interrupt').click();
    await finished(3);
    await kernelIs('idle');
    await screenshot('interrupted');
    return { running, text: (await output(3).allInnerTexts()).join('\n') };
  },

  async restart() {
    await toolbar('restart').click();
    await page.locator('.jp-Dialog .jp-mod-accept').click();
    await page.locator('.jp-Dialog').waitFor({ state: 'detached' });
    await start(4);
    await finished(4);
    await kernelIs('idle');
    await screenshot('restarted');
    return { text: await output(4).innerText(), prompt: await prompt(4).innerText() };
  },

  async shutdown() {
    await page.locator('.lm-MenuBar-itemLabel', { hasText: /^Kernel$/ }).click();
    await page.locator('.lm-Menu-itemLabel', { hasText: /^Shut Down Kernel$/ }).click();
    await kernelName.filter({ hasText: 'No Kernel' }).waitFor();
    await screenshot('shut-down');
    return { kernel: await kernelName.innerText() };
  },
};

const seen = {};
let status = 0;
try {
  for (step of Object.keys(steps)) {
    seen[step] = await steps[step]();
  }
} catch (error) {
  status = 1;
  console.error(`step ${step}: ${error}\nso far: ${JSON.stringify(seen, null, 2)}\n${trouble.join('\n')}`);
  await screenshot(`failed-${step}`).catch(() => {});
  writeFileSync(join(artifacts, 'jupyterlab-failed.html'), await page.content().catch(() => ''));
} finally {
  await context.close();
}
console.log(JSON.stringify({ ...seen, trouble }));
process.exit(status);
