const data = JSON.parse(document.getElementById('data').textContent);
const byId = (id) => document.getElementById(id);
const card = { w: 216, h: 52 };

// What a state is called, its colour, and what it means.
const states = {
  build: ['to build', '--build'], reuse: ['reused', '--reuse'], pull: ['to pull', '--pull'],
  built: ['built', '--good'], reused: ['reused', '--reuse'], unchanged: ['unchanged', '--reuse'], pulled: ['pulled', '--pull'],
  failed: ['failed', '--bad'], skipped: ['skipped', '--warn'], cancelled: ['cancelled', '--warn'],
  indexed: ['indexed', '--accent'], pushed: ['pushed', '--accent'], tagged: ['tagged', '--accent'],
  loaded: ['loaded', '--accent'], retried: ['tried again', '--warn'],
};
const reasons = {
  missing: 'No image with these inputs exists, and nothing is known of an earlier build.',
  platform_missing: 'The package exists, but not for this platform.',
  inputs_changed: 'The package itself has changed since its last build.',
  dependency_changed: 'Only packages that it is made with have changed.',
  base_moved: 'Only images from outside of the workspace have changed.',
  refresh_due: 'Its time to be refreshed has come.',
  forced: 'It was asked for.',
  damaged: 'The store lists it, but not all of its content is there.',
  in_store: 'The local store has it, made of these inputs.',
  in_registry: 'The registry has it, made of these inputs.',
};

// What a card has room for of a reason.
const shortReasons = {
  platform_missing: 'platform', inputs_changed: 'inputs', dependency_changed: 'dependency', base_moved: 'base', refresh_due: 'refresh',
  in_store: 'in store', in_registry: 'in registry',
};

for (const [i, n] of data.nodes.entries()) {
  n.i = i;
  n.pkg = data.packages[n.p];
  n.needs = [];
  n.users = [];
  n.shown = true;
  n.text = [n.pkg.name, n.platform, n.state, n.reason, n.pkg.ref, ...(n.changes ?? [])].join(' ').toLowerCase();
}
for (const e of data.edges) {
  data.nodes[e.t].needs.push(e.f);
  data.nodes[e.f].users.push(e.t);
}

// The critical path is a run's steps, some of no node, or a plan's packages on
// each platform.
const pathEdges = new Set();
const pathSteps = data.run ? data.run.critical.map((c) => c.n).filter((i) => i >= 0) : data.critical ?? [];
for (const e of data.edges) {
  const f = data.nodes[e.f], t = data.nodes[e.t];
  const [from, to] = data.run ? [e.f, e.t] : [f.pkg.name, t.pkg.name];
  if (f.crit && t.crit && pathSteps.some((s, i) => s === from && pathSteps[i + 1] === to)) pathEdges.add(e);
}

const label = (n) => `${n.pkg.name} ${n.platform}`;
// shortPlatform leaves out what all have.
const allLinux = data.nodes.every((n) => n.platform.startsWith('linux/'));
const shortPlatform = (n) => (allLinux ? n.platform.slice('linux/'.length) : n.platform);
const stateName = (s) => states[s]?.[0] ?? s;
const stateVar = (s) => states[s]?.[1] ?? '--faint';

// duration says milliseconds as the command does: 0.3s, 12s, 4m10s, 1h2m.
function duration(ms) {
  const s = Math.max(0, Math.round(ms / 100) / 10);
  if (s < 10) return s.toFixed(1) + 's';
  if (s < 60) return Math.floor(s) + 's';
  if (s < 3600) return Math.floor(s / 60) + 'm' + Math.floor(s % 60) + 's';
  return Math.floor(s / 3600) + 'h' + Math.floor((s / 60) % 60) + 'm';
}

// make is an element with properties, attributes and children; text is never
// markup.
function make(tag, props = {}, ...children) {
  const el = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === undefined || value === null || value === false) continue;
    if (name === 'class') el.className = value;
    else if (name === 'color') el.style.setProperty('--c', `var(${value})`);
    else if (name.startsWith('on')) el.addEventListener(name.slice(2), value);
    else el.setAttribute(name, value === true ? '' : value);
  }
  el.append(...children.flat().filter((c) => c !== null && c !== undefined && c !== ''));
  return el;
}

// closure is all that can be reached from a node one way.
function closure(start, way) {
  const seen = new Set([start]);
  const queue = [start];
  while (queue.length) {
    for (const next of data.nodes[queue.pop()][way]) {
      if (!seen.has(next)) {
        seen.add(next);
        queue.push(next);
      }
    }
  }
  return seen;
}

// Listeners of the two things that change: which nodes are shown, and which is
// selected.
const listeners = { filter: [], select: [] };
const tell = (what) => listeners[what].forEach((f) => f());
let selected = -1;

function select(i, { focus = false, center = false } = {}) {
  selected = i;
  listeners.select.forEach((f) => f({ focus, center }));
  history.replaceState(null, '', i < 0 ? location.pathname + location.search : '#' + encodeURIComponent(data.nodes[i].id));
}
