// A person at JupyterLab who does what is asked, step by step, in any number of tabs.
//
// Usage: node lab_driver.mjs '{"url": …, "token": …, "browser": …, "profile": …, "artifacts": …, "patience": seconds}'
// Reads one JSON object a line, `{"do": NAME, "tab": …, …}`, and prints one for each: `{"answer": …}` or
// `{"error": …}`. Ends with its standard input.

import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { launchBrowser, noteTrouble } from './browser.mjs';

const { url, token, browser, profile, artifacts, patience } = JSON.parse(process.argv[2]);
const context = await launchBrowser({ browser, profile, patience, height: 1000 });
const tabs = new Map();
const trouble = [];

const cellIn = (page, cell) => page.locator('.jp-Notebook .jp-CodeCell').nth(cell);

async function isOpen(page) {
  await cellIn(page, 0).waitFor();
  await page.waitForFunction(() => globalThis.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel);
}

const actions = {
  /** Opens a notebook in a tab with a workspace of its own. */
  async open({ tab, path }) {
    const page = await context.newPage();
    noteTrouble(page, trouble);
    page.on('dialog', dialog => dialog.accept());
    tabs.set(tab, page);
    await page.goto(`${url}/lab/workspaces/${tab}/tree/${path}?token=${token}`);
    await isOpen(page);
  },

  async reload({ page }) {
    await page.reload();
    await isOpen(page);
  },

  async run({ page, cell }) {
    await cellIn(page, cell).locator('.jp-InputArea-editor').click();
    await page.keyboard.press('Shift+Enter');
  },

  async wait_until_finished({ page, cell }) {
    await cellIn(page, cell).locator('.jp-InputPrompt').filter({ hasText: /\[\d+\]/ }).waitFor();
  },

  async wait_for_status({ page, status }) {
    const indicator = `.jp-NotebookPanel .jp-Notebook-ExecutionIndicator[data-status="${status}"]`;
    await page.locator(indicator).waitFor({ state: 'attached' });
  },

  /** The text of everything that fits a selector, once it has `text` in it. */
  async read({ page, selector, text }) {
    const element = page.locator(selector);
    await element.filter({ hasText: text }).first().waitFor();
    return (await element.allInnerTexts()).join('\n');
  },

  /** The text of a cell's outputs, once it has `text` in it. */
  async read_output({ page, cell, text = '' }) {
    const output = cellIn(page, cell).locator('.jp-OutputArea-output');
    await output.filter({ hasText: text }).first().waitFor();
    return (await output.allInnerTexts()).join('\n');
  },

  async type({ page, selector, text, key }) {
    await page.locator(selector).click();
    await page.keyboard.insertText(text);
    await page.keyboard.press(key);
  },

  /** Size and middle pixel of a picture, once `colour` is what the pixel is. */
  async wait_for_picture({ page, selector, colour }) {
    const handle = await page.waitForFunction(
      ([wanted, expected]) => {
        const image = document.querySelector(wanted);
        if (!image?.complete || image.naturalWidth === 0) {
          return null;
        }
        const { naturalWidth: width, naturalHeight: height } = image;
        const drawing = new OffscreenCanvas(width, height).getContext('2d');
        drawing.drawImage(image, 0, 0);
        const pixel = [...drawing.getImageData(width >> 1, height >> 1, 1, 1).data.slice(0, 3)];
        return String(pixel) === String(expected) ? { width, height, pixel } : null;
      },
      [selector, colour]
    );
    return handle.jsonValue();
  },

  /** Chooses a file in the dialog that a click opens. */
  async choose_file({ page, selector, path }) {
    const [chooser] = await Promise.all([
      page.waitForEvent('filechooser'),
      page.locator(selector).click(),
    ]);
    await chooser.setFiles(path);
  },

  /** Calls a function, given as text, in the page. */
  async evaluate({ page, call, argument }) {
    return page.evaluate(`(${call})(${JSON.stringify(argument)})`);
  },

  async screenshot({ page, name }) {
    await page.screenshot({ path: join(artifacts, `scenario-${name}.png`) });
  },

  async close({ page, tab }) {
    tabs.delete(tab);
    await page.close();
  },

  /** What went wrong in any page since this was last asked. */
  async trouble() {
    return trouble.splice(0);
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const { do: name, ...step } = JSON.parse(line);
  const page = tabs.get(step.tab);
  try {
    const answer = await actions[name]({ page, ...step });
    console.log(JSON.stringify({ answer: answer ?? null }));
  } catch (error) {
    const failure = join(artifacts, `scenario-failed-${step.tab}.png`);
    await page?.screenshot({ path: failure }).catch(() => {});
    console.log(JSON.stringify({ error: `${name}: ${error}\nscreenshot: ${failure}\n${trouble.join('\n')}` }));
  }
}
await context.close();
