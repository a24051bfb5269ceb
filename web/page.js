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

/** A table of rows of cells. The roles stay what they are where the style makes cards of the rows. */
function table(caption, titles, rows) {
  for (const row of rows) {
    row.setAttribute("role", "row");
    [...row.children].forEach((cell, index) => {
      cell.setAttribute("role", cell.tagName === "TH" ? "rowheader" : "cell");
      cell.setAttribute("data-title", titles[index]);
    });
  }
  const head = titles.map((title) => make("th", { scope: "col", role: "columnheader" }, title));
  return make("table", { role: "table" },
    make("caption", { class: "visually-hidden" }, caption),
    make("thead", { role: "rowgroup" }, make("tr", { role: "row" }, ...head)),
    make("tbody", { role: "rowgroup" }, ...rows));
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

/** The text as one word of a shell. */
const shell_quote = (text) => (/^[\w\-./:=@%+,]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`);

const count = (number, thing) => `${number} ${thing}${number === 1 ? "" : "s"}`;

function time_since(timestamp) {
  const seconds = Math.max(0, (Date.now() - Date.parse(timestamp)) / 1000);
  for (const [unit, length] of [["day", 86400], ["hour", 3600], ["minute", 60]]) {
    const number = Math.floor(seconds / length);
    if (number > 0) return `${count(number, unit)} ago`;
  }
  return "just now";
}

/** 1234567 as "1.2 MB". */
function readable_size(bytes) {
  let size = bytes;
  for (const unit of ["B", "kB", "MB", "GB"]) {
    if (size < 999.5) return `${size < 9.95 && unit !== "B" ? size.toFixed(1) : Math.round(size)} ${unit}`;
    size /= 1000;
  }
  return `${size.toFixed(1)} TB`;
}

// Kernels

let display_names = {};
let has_specs = true;
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

const spec_title = (kernel) => display_names[kernel.name] || kernel.name;

const file_name = (path) => path.split("/").filter(Boolean).pop() || path;

/** What a kernel is for: the notebooks and consoles that use it, else its kernel spec. */
function kernel_title(kernel) {
  const names = (kernel.sessions || []).map((session) => session.name || file_name(session.path));
  if (names.length === 0 && kernel.document) names.push(file_name(kernel.document));
  return [...new Set(names)].join(", ") || spec_title(kernel);
}

/** Where its documents are, as far as their names do not say so. */
function kernel_places(kernel) {
  // JupyterLab makes up the file names of consoles.
  const place = ({ type, path }) => (type === "console" ? path.split("/").slice(0, -1).join("/") : path);
  const paths = (kernel.sessions || []).map(place).filter(Boolean);
  if (!kernel.sessions?.length && kernel.document) paths.push(kernel.document);
  return [...new Set(paths)].filter((path) => path !== kernel_title(kernel)).join(", ");
}

/** Whether somebody has to be told where a kernel runs and which client serves it. */
const is_usual = (kernel) => class_name(kernel.provisioner || "") === "LocalProvisioner"
  && class_name(kernel.client || "") === "JupyterServerKernelClient";

function mapping_note(kernel) {
  if (is_usual(kernel)) return null;
  return make("small", { class: "class", title: `${kernel.provisioner} → ${kernel.client}` },
    breakable(class_name(kernel.provisioner || "–")), " → ", breakable(class_name(kernel.client || "–")),
    ` (${rules[kernel.matched_by] || kernel.matched_by})`);
}

/** A number about the processes of a kernel, where they are known. */
const usage_cell = (text) => make("td", { class: "number" }, text ?? "–");

function kernel_row(kernel) {
  const path = `api/kernels/${encodeURIComponent(kernel.id)}`;
  const short_id = kernel.id.split("-")[0];
  const waits = under_way.has(kernel.id) ? "" : undefined;
  const button = (label, onclick) => make("button", {
    type: "button", id: `${label.replace(" ", "-")}-${kernel.id}`, disabled: waits, "aria-label": `${label} ${kernel_title(kernel)} ${short_id}`, onclick,
  }, label);
  const pid = kernel.provisioner_info?.pid;
  const title = kernel_title(kernel);
  const places = kernel_places(kernel);
  const details = [title !== spec_title(kernel) && spec_title(kernel), short_id, pid && `process ${pid}`,
    kernel.restart_count && `restarted ${kernel.restart_count}×`];
  const usage = kernel.resources;
  return make("tr", {},
    make("th", { scope: "row" }, breakable(title),
      places ? make("small", {}, places) : null,
      make("small", { title: kernel.id }, details.filter(Boolean).join(" · ")), mapping_note(kernel)),
    make("td", {}, make("span", { class: `state ${kernel.execution_state}` }, kernel.execution_state),
      kernel.reason ? make("small", { class: "reason" }, kernel.reason) : null),
    usage_cell(usage && readable_size(usage.memory_bytes)),
    usage_cell(usage && usage.cpu_percent !== null ? `${Math.round(usage.cpu_percent)} %` : null),
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
  const [kernels, sessions] = await Promise.all(
    ["api/kernels", "api/sessions"].map((path) => ask("GET", `${path}?no_track_activity=1`)));
  for (const kernel of kernels) kernel.sessions = sessions.filter((session) => session.kernel.id === kernel.id);
  document.title = kernels.length ? `(${kernels.length}) nextgen-kernels` : "nextgen-kernels";
  update("kernels", kernels.length
    ? table("Running kernels", ["Kernel", "State", "Memory", "CPU", "Last activity", "Actions"], kernels.map(kernel_row))
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

/** What the server says of kernel specs that cannot be used, and of what to type when none can. */
async function spec_problems() {
  const { problems } = await ask("GET", "api/nextgen/registry/doctor?no_track_activity=1");
  return problems.filter(({ subject }) => subject.startsWith("kernel spec"));
}

async function show_specs() {
  const specs = Object.values((await ask("GET", "api/kernelspecs?no_track_activity=1")).kernelspecs);
  display_names = Object.fromEntries(specs.map(({ name, spec }) => [name, spec.display_name]));
  has_specs = specs.length > 0;
  if (has_specs) return update("specs", ...specs.map(spec_card));
  const problems = await spec_problems();
  return update("specs", ...problems.map(({ message }) => make("li", { class: "empty" }, message)));
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
  const options = [
    `--gateway-url=${base.href}`,
    `--GatewayClient.auth_token=${shown_token || "TOKEN"}`,
    "--GatewayClient.allowed_envs=JPY_SESSION_NAME",
  ];
  const words = ["jupyter lab", ...options.map(shell_quote)];
  by_id("attach").replaceChildren(...words.flatMap((word) => [make("span", {}, word), " "]));
  by_id("attach-note").textContent = shown_token
    ? "It holds the token of this server: whoever has it can run code as you."
    : "In place of TOKEN write the one in the URL that the server printed when it started.";
  by_id("copy").addEventListener("click", async (event) => {
    const button = event.currentTarget;
    await navigator.clipboard.writeText(by_id("attach").textContent.trim());
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = "Copy"; }, 2000);
  });
}

async function refresh() {
  try {
    await show_kernels();
    if (!has_specs) await show_specs();  // Somebody may be installing one.
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
