// The page at the server's root: what runs, what can be started, and how to attach. Asks the REST API only.
"use strict";

const refresh_interval = 2000;
const base = new URL(".", document.baseURI);
const shown_token = new URLSearchParams(location.search).get("token");

/** Asks the server; gives its answer, or throws with its message. */
async function ask(method, path, body) {
  const options = { method, headers: { "Content-Type": "application/json" } };
  if (shown_token) options.headers.Authorization = `token ${shown_token}`;
  if (body !== undefined) options.body = JSON.stringify(body);
  let response;
  try {
    response = await fetch(new URL(path, base), options);
  } catch {
    throw new Error("The server does not answer. Is it still running?");
  }
  const text = await response.text();
  if (response.ok) return text ? JSON.parse(text) : null;
  let message = text;
  try {
    message = JSON.parse(text).message;
  } catch { /* Not ours: shown as it is. */ }
  throw new Error(message || `${response.status} ${response.statusText}`);
}

/** Makes an element: attributes by name, `on…` as listeners, children as texts or elements. */
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}

const by_id = (id) => document.getElementById(id);

function show_alert(message) {
  const alert = by_id("alert");
  alert.hidden = !message;
  if (alert.textContent !== message) alert.textContent = message;
}

function announce(message) {
  by_id("announcement").textContent = message;
}

/** Replaces what `id` holds, unless it looks the same already: then focus and selection stay. */
function update(id, ...children) {
  const element = by_id(id);
  const next = make("div", {}, ...children);
  if (next.innerHTML === element.innerHTML) return;
  const focused = element.contains(document.activeElement) ? document.activeElement.id : "";
  element.replaceChildren(...next.childNodes);
  if (focused) by_id(focused)?.focus();
}

function table(caption, titles, rows) {
  return make("table", {},
    make("caption", { class: "visually-hidden" }, caption),
    make("thead", {}, make("tr", {}, ...titles.map((title) => make("th", { scope: "col" }, title)))),
    make("tbody", {}, ...rows));
}

const class_name = (reference) => reference.split(":").pop();

/** A name that may be broken between its words. */
function breakable(name) {
  const words = name.split(/(?<=[._])|(?<=[a-z0-9])(?=[A-Z])/);
  return make("span", {}, ...words.flatMap((word) => [word, make("wbr")]));
}

/** A class by its name, with its module. */
function class_cell(reference) {
  if (!reference) return make("td", {}, "–");
  const module = reference.split(":").slice(0, -1).join(":");
  return make("td", { class: "class" }, breakable(class_name(reference)), make("small", {}, breakable(module)));
}

const count = (number, thing) => `${number} ${thing}${number === 1 ? "" : "s"}`;

function time_since(timestamp) {
  const seconds = Math.max(0, (Date.now() - Date.parse(timestamp)) / 1000);
  for (const [unit, length] of [["day", 86400], ["hour", 3600], ["minute", 60]]) {
    const number = Math.floor(seconds / length);
    if (number > 0) return `${count(number, unit)} ago`;
  }
  return "just now";
}

// Kernels

let display_names = {};
const under_way = new Set();

/** Does something to a kernel; its buttons wait meanwhile. */
async function act(kernel, done, method, path) {
  under_way.add(kernel.id);
  await show_kernels();
  try {
    await ask(method, path);
    announce(`${kernel_title(kernel)}: ${done}`);
    show_alert("");
  } catch (error) {
    show_alert(`${kernel_title(kernel)}: ${error.message}`);
  }
  under_way.delete(kernel.id);
  await show_kernels();
}

/** Which rule of the registry chose the client, by the kernel model's `matched_by`. */
const rules = {
  exact: "registered for this class",
  base: "registered for a base of this class",
  fallback: "the fallback client",
  configured: "configured",
};

const kernel_title = (kernel) => display_names[kernel.name] || kernel.name;

function kernel_row(kernel) {
  const path = `api/kernels/${encodeURIComponent(kernel.id)}`;
  const short_id = kernel.id.split("-")[0];
  const waits = under_way.has(kernel.id) ? "" : undefined;
  const button = (label, onclick) => make("button", {
    type: "button", id: `${label.replace(" ", "-")}-${kernel.id}`, disabled: waits, "aria-label": `${label} ${kernel_title(kernel)} ${short_id}`, onclick,
  }, label);
  const pid = kernel.provisioner_info?.pid;
  const details = [short_id, pid && `process ${pid}`, kernel.restart_count && `restarted ${kernel.restart_count}×`];
  return make("tr", {},
    make("th", { scope: "row" }, kernel_title(kernel), make("small", { title: kernel.id }, details.filter(Boolean).join(" · "))),
    make("td", {}, make("span", { class: `state ${kernel.execution_state}` }, kernel.execution_state),
      kernel.reason ? make("small", { class: "reason" }, kernel.reason) : null),
    make("td", { class: "class", title: `${kernel.provisioner} → ${kernel.client}` },
      breakable(class_name(kernel.provisioner || "–")), " → ", breakable(class_name(kernel.client || "–")),
      make("small", {}, rules[kernel.matched_by] || kernel.matched_by)),
    make("td", {}, time_since(kernel.last_activity), make("small", {}, count(kernel.connections, "connection"))),
    make("td", { class: "actions" },
      button("Interrupt", () => act(kernel, "interrupted", "POST", `${path}/interrupt`)), " ",
      button("Restart", () => {
        if (confirm(`Restart ${kernel_title(kernel)} (${short_id})? Its variables are lost.`))
          act(kernel, "restarted", "POST", `${path}/restart`);
      }), " ",
      button("Shut down", () => {
        if (confirm(`Shut down ${kernel_title(kernel)} (${short_id})? Its variables are lost.`))
          act(kernel, "shut down", "DELETE", path);
      })));
}

async function show_kernels() {
  const kernels = await ask("GET", "api/kernels?no_track_activity=1");
  document.title = kernels.length ? `(${kernels.length}) nextgen-kernels` : "nextgen-kernels";
  update("kernels", kernels.length
    ? table("Running kernels", ["Kernel", "State", "Provisioner → client", "Last activity", "Actions"], kernels.map(kernel_row))
    : make("p", { class: "empty" }, "No kernel runs. Start one below, or open a notebook in an attached JupyterLab."));
}

// Kernel specs

async function start_kernel(name, event) {
  const button = event.currentTarget;
  button.disabled = true;
  try {
    await ask("POST", "api/kernels", { name });
    announce(`${display_names[name]} started`);
    show_alert("");
  } catch (error) {
    show_alert(`${display_names[name]} did not start: ${error.message}`);
  }
  button.disabled = false;
  await refresh();
}

function spec_card({ name, spec, resources }) {
  const logo = resources["logo-svg"] || resources["logo-64x64"];
  const details = [spec.language, name].filter((text, index, all) => text && all.indexOf(text) === index);
  return make("li", { class: "card" },
    logo ? make("img", { src: logo, alt: "" }) : make("span", { class: "initial", "aria-hidden": "true" }, [...spec.display_name][0] || "?"),
    make("div", {}, spec.display_name, make("small", {}, details.join(" · "))),
    make("button", { type: "button", "aria-label": `Start ${spec.display_name}`, onclick: (event) => start_kernel(name, event) }, "Start"));
}

async function show_specs() {
  const specs = Object.values((await ask("GET", "api/kernelspecs")).kernelspecs);
  display_names = Object.fromEntries(specs.map(({ name, spec }) => [name, spec.display_name]));
  update("specs", ...(specs.length ? specs.map(spec_card) : [make("li", { class: "empty" },
    "No kernel spec was found. Install one, for example with ", make("code", {}, "pip install ipykernel"), ".")]));
}

// Mappings

function mapping_row(mapping) {
  const source = [mapping.precedence, mapping.source].filter(Boolean).join(", ");
  return make("tr", {}, class_cell(mapping.provisioner), class_cell(mapping.client), make("td", {}, source || "–"),
    make("td", {}, mapping.state || "–", mapping.reason ? make("small", { class: "reason" }, mapping.reason) : null));
}

function fallback_row(client) {
  return make("tr", {}, make("td", {}, "Every other"), class_cell(client), make("td", {}, "the fallback client"), make("td", {}, "–"));
}

async function show_mappings() {
  const { mappings = [], fallback_client_class = null } = await ask("GET", "api/nextgen/registry");
  const rows = mappings.map(mapping_row);
  if (fallback_client_class) rows.push(fallback_row(fallback_client_class));
  update("mappings", rows.length
    ? table("Registered mappings", ["Provisioner", "Client", "Registered by", "State"], rows)
    : make("p", { class: "empty" }, "Nothing is registered."));
}

// The rest

async function show_server() {
  const { version } = await ask("GET", "api");
  by_id("server").textContent = `Version ${version} at ${base.host}`;
}

function show_attach() {
  const token = shown_token || "TOKEN";
  by_id("attach").textContent = `jupyter lab --gateway-url=${base.href} --GatewayClient.auth_token=${token}`;
  by_id("attach-note").textContent = shown_token
    ? "It holds the token of this server: whoever has it can run code as you."
    : "In place of TOKEN write the one in the URL that the server printed when it started.";
  by_id("copy").addEventListener("click", async (event) => {
    const button = event.currentTarget;
    await navigator.clipboard.writeText(by_id("attach").textContent);
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = "Copy"; }, 2000);
  });
}

async function refresh() {
  try {
    await show_kernels();
    if (by_id("alert").dataset.lost) show_alert("");
    delete by_id("alert").dataset.lost;
  } catch (error) {
    show_alert(error.message);
    by_id("alert").dataset.lost = "true";
  }
}

async function main() {
  // The token must not stay in the address bar, where it gets into bookmarks and screenshots.
  if (shown_token) history.replaceState(null, "", base);
  show_attach();
  for (const show of [show_specs, show_server, show_mappings]) {
    try {
      await show();
    } catch (error) {
      show_alert(error.message);
    }
  }
  await refresh();
  setInterval(() => { if (document.visibilityState === "visible") refresh(); }, refresh_interval);
  document.addEventListener("visibilitychange", () => { if (document.visibilityState === "visible") refresh(); });
}

main();
