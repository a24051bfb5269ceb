// The browser of the scenarios at JupyterLab, and what in it counts as trouble.

import { chromium } from 'playwright-core';

// JupyterLab tries with a subprotocol first, then without; a jupyter_server that relays to a gateway confirms none.
const noSubprotocol = /Sent non-empty 'Sec-WebSocket-Protocol' header but no response was received/;

/** What Chromium is started with: nothing of its own goes to the network. */
export const browserArguments = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** Starts Chromium with a profile of its own; every wait in it ends after `patience` seconds. */
export async function launchBrowser({ browser, profile, patience, height = 1500 }) {
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: browser,
    headless: true,
    viewport: { width: 1280, height },
    args: browserArguments,
  });
  context.setDefaultTimeout(patience * 1000);
  return context;
}

/** Notes errors of a page's scripts, and answers that say that a server failed, in the list `trouble`. */
export function noteTrouble(page, trouble) {
  page.on('console', message => {
    if (message.type() === 'error' && !noSubprotocol.test(message.text())) {
      trouble.push(`console: ${message.text()}`);
    }
  });
  page.on('pageerror', error => trouble.push(`page: ${error}`));
  page.on('response', response => {
    if (response.status() >= 500) {
      trouble.push(`${response.status()} ${new URL(response.url()).pathname}`);
    }
  });
}
