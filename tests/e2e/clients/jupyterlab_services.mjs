// Scenarios with @jupyterlab/services, JupyterLab's own client, on Node.
//
// Usage: node jupyterlab_services.mjs '{"url": …, "token": …, "scenario": …, "patience": seconds}'
// Prints one JSON object: what the scenario saw. A failure goes to standard error and the exit status.

import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
const { KernelManager, KernelSpecManager, ServerConnection, SessionManager } = require('@jupyterlab/services');
const WebSocket = require('ws');

const { url, token, scenario, patience } = JSON.parse(process.argv[2]);

const sockets = [];

/** Remembers every socket, so that a scenario can see its protocol and cut it. */
class ObservedWebSocket extends WebSocket {
  constructor(...parameters) {
    super(...parameters);
    sockets.push(this);
  }
}

const serverSettings = ServerConnection.makeSettings({
  baseUrl: `${url}/`,
  wsUrl: `${url.replace(/^http/, 'ws')}/`,
  token,
  appendToken: true,
  WebSocket: ObservedWebSocket,
});
const kernelManager = new KernelManager({ serverSettings });
const sessionManager = new SessionManager({ kernelManager, serverSettings });

function within(promise, what) {
  let timer;
  const limit = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} took longer than ${patience} s`)), patience * 1000);
  });
  return Promise.race([promise, limit]).finally(() => clearTimeout(timer));
}

/** Resolves when a signal's sender satisfies a condition, at once if it already does. */
function until(signal, condition, what) {
  return within(
    new Promise(resolve => {
      const check = () => {
        if (condition()) {
          signal.disconnect(check);
          resolve();
        }
      };
      signal.connect(check);
      check();
    }),
    what,
  );
}

async function startSession(path, type = 'notebook') {
  await within(sessionManager.ready, 'the session manager');
  const session = await within(
    sessionManager.startNew({ path, name: path, type, kernel: { name: 'python3' } }),
    'starting a session',
  );
  await until(session.kernel.connectionStatusChanged, () => session.kernel.connectionStatus === 'connected', 'connecting');
  return session;
}

async function run(kernel, code, { onStdin, onOutput } = {}) {
  const future = kernel.requestExecute({ code, allow_stdin: onStdin !== undefined });
  const outputs = [];
  future.onIOPub = message => {
    outputs.push({ type: message.header.msg_type, content: message.content });
    onOutput?.(message);
  };
  if (onStdin) {
    future.onStdin = message => onStdin(message, future);
  }
  const reply = await within(future.done, `running ${JSON.stringify(code)}`);
  const text = outputs.filter(output => output.type === 'stream').map(output => output.content.text).join('');
  return { status: reply.content.status, ename: reply.content.ename, count: reply.content.execution_count, text, outputs };
}

const scenarios = {
  async session() {
    const session = await startSession('work/session.ipynb');
    const { kernel } = session;
    const info = await within(kernel.info, 'kernel_info');
    const executed = await run(kernel, "import sys\nprint('printed', flush=True)\nprint('warned', file=sys.stderr)\n6 * 7");
    const failed = await run(kernel, '1 / 0');
    const seen = {
      protocol: sockets[0].protocol,
      sockets: sockets.length,
      language: info.language_info.name,
      executed,
      failed,
      model: session.model,
      status: kernel.status,
    };
    await session.shutdown();
    return seen;
  },

  async models() {
    const specs = new KernelSpecManager({ serverSettings });
    await within(specs.ready, 'kernel specs');
    const session = await startSession('a.ipynb');
    const console = await startSession('b', 'console');
    await within(sessionManager.refreshRunning(), 'listing sessions');
    await within(kernelManager.refreshRunning(), 'listing kernels');
    const found = await within(sessionManager.findByPath('b'), 'finding a session');
    await session.setPath('renamed.ipynb');
    await session.setName('renamed');
    const listed = [...sessionManager.running()];
    const kernels = [...kernelManager.running()];
    const seen = {
      specs: specs.specs,
      found,
      renamed: session.model,
      listed,
      kernels,
      console: console.model,
    };
    await Promise.all([session.shutdown(), console.shutdown()]);
    await within(sessionManager.refreshRunning(), 'listing sessions again');
    seen.left = [...sessionManager.running()].length;
    specs.dispose();
    return seen;
  },

  async stdin() {
    const session = await startSession('stdin.ipynb');
    const prompts = [];
    const asked = await run(session.kernel, "name = input('name? ')\nprint('Hello', name)", {
      onStdin: (message, future) => {
        prompts.push({ ...message.content, type: message.header.msg_type });
        future.sendInputReply({ status: 'ok', value: 'Grace' }, message.header);
      },
    });
    const secret = await run(session.kernel, "import getpass\nprint(len(getpass.getpass('password? ')))", {
      onStdin: (message, future) => {
        prompts.push({ ...message.content, type: message.header.msg_type });
        future.sendInputReply({ status: 'ok', value: 'hunter22' }, message.header);
      },
    });
    await session.shutdown();
    return { prompts, asked, secret };
  },

  async restart() {
    const session = await startSession('restart.ipynb');
    const { kernel } = session;
    await run(kernel, 'marker = 1');
    const statuses = [];
    kernel.statusChanged.connect((_, status) => statuses.push(status));
    await within(kernel.restart(), 'restarting');
    await until(kernel.connectionStatusChanged, () => kernel.connectionStatus === 'connected', 'reconnecting');
    const after = await run(kernel, "print('marker' in dir())");
    const seen = { after, statuses: [...statuses], id: kernel.id, model: session.model.kernel.id };
    await session.shutdown();
    return seen;
  },

  async reconnect() {
    const session = await startSession('reconnect.ipynb');
    const { kernel } = session;
    await run(kernel, 'marker = 1');
    const statuses = [];
    kernel.connectionStatusChanged.connect((_, status) => statuses.push(status));

    await within(kernel.reconnect(), 'reconnecting on request');
    const onRequest = await run(kernel, 'print(marker)');

    // A lost network: the socket ends without a close frame while a cell runs.
    const begun = {};
    const signal = new Promise(resolve => (begun.resolve = resolve));
    const running = run(
      kernel,
      "import time\nprint('begun', flush=True)\ntime.sleep(1)\nfor i in range(20): print(i, flush=True)",
      { onOutput: message => message.header.msg_type === 'stream' && begun.resolve() },
    );
    await within(signal, 'the first output');
    sockets.at(-1).terminate();
    await until(kernel.connectionStatusChanged, () => kernel.connectionStatus !== 'connected', 'noticing');
    await until(kernel.connectionStatusChanged, () => kernel.connectionStatus === 'connected', 'coming back');
    const cut = await running;
    const seen = { onRequest, cut, statuses, sockets: sockets.length, protocols: sockets.map(s => s.protocol) };
    await session.shutdown();
    return seen;
  },

  async interrupt() {
    const session = await startSession('interrupt.ipynb');
    const { kernel } = session;
    const looping = run(kernel, "print('looping', flush=True)\nwhile True: pass", {
      onOutput: message => {
        if (message.header.msg_type === 'stream') {
          kernel.interrupt();
        }
      },
    });
    const interrupted = await looping;
    const after = await run(kernel, "print('goes on')");
    await session.shutdown();
    return { interrupted, after };
  },

  async shutdown() {
    const session = await startSession('shutdown.ipynb');
    const { kernel } = session;
    const second = kernelManager.connectTo({ model: kernel.model });
    await until(second.connectionStatusChanged, () => second.connectionStatus === 'connected', 'the second connection');
    await run(second, 'pass');
    let disposed = false;
    session.disposed.connect(() => (disposed = true));
    await within(session.shutdown(), 'shutting down');
    await within(kernelManager.refreshRunning(), 'listing kernels');
    const left = [...kernelManager.running()].filter(model => model.id === kernel.id).length;
    return { disposed: disposed || session.isDisposed, left };
  },

  async killed() {
    const session = await startSession('killed.ipynb');
    const { kernel } = session;
    // Its connection's own kernel_info_request has ended then, too: a kernel that kills itself takes the status
    // messages along that it has not sent yet, and nobody catches that this request is then canceled.
    await run(kernel, "print('alive')");
    const statuses = [];
    kernel.statusChanged.connect((_, status) => statuses.push(status));
    const restarted = new Promise(resolve => {
      kernel.statusChanged.connect((_, status) => {
        if (status === 'autorestarting' || status === 'restarting') {
          resolve();
        }
      });
    });
    kernel.requestExecute({ code: 'import os, signal\nos.kill(os.getpid(), signal.SIGKILL)' }).done.catch(() => {});
    await within(restarted, 'the news of the restart');
    await until(kernel.connectionStatusChanged, () => kernel.connectionStatus === 'connected', 'reconnecting');
    const after = await run(kernel, "print('born again')");
    const seen = { statuses: [...statuses], after };
    await session.shutdown();
    return seen;
  },
};

try {
  const seen = await scenarios[scenario]();
  process.stdout.write(`${JSON.stringify(seen)}\n`, () => process.exit(0));
} catch (error) {
  console.error(error);
  process.exit(1);
}
