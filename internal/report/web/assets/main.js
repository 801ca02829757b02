function setUpTiles() {
  const count = (s) => data.nodes.filter((n) => n.state === s).length;
  const tile = (value, text, color) => make('div', { class: 'tile', color }, make('b', {}, String(value)), make('span', {}, text));
  const tiles = Object.keys(states).filter(count).map((s) => tile(count(s), stateName(s), stateVar(s)));
  if (data.run) {
    tiles.push(tile(duration(data.run.took), 'in all', '--accent'));
    if (data.run.instructions) tiles.push(tile(Math.round(100 * data.run.cached / data.run.instructions) + '%', 'instructions cached', '--pull'));
    if (data.run.retries.length) tiles.push(tile(data.run.retries.length, data.run.retries.length === 1 ? 'retry' : 'retries', '--warn'));
  } else if (data.estimate) tiles.push(tile(duration(data.estimate), 'estimated', '--accent'));
  const [path, where] = criticalPath();
  if (path.length) {
    tiles.push(make('div', { class: 'tile wide', color: '--accent' }, make('b', { title: path.join(' → ') }, path.join(' → ')), make('span', {}, 'critical path' + where)));
  }
  byId('tiles').append(...tiles);
  byId('meta').textContent = [
    data.revision ? 'at ' + data.revision.slice(0, 12) + (data.dirty ? ', with changes' : '') : '',
    new Date(data.created).toLocaleString(), 'stowage ' + data.version,
  ].filter(Boolean).join(' · ');
}

// criticalPath names the steps, and once the platform if all have the same.
function criticalPath() {
  if (!data.run) return [data.critical ?? [], ''];
  const steps = data.run.critical;
  const platforms = new Set(steps.filter((s) => s.n >= 0).map((s) => data.nodes[s.n].platform));
  if (platforms.size !== 1) return [steps.map((s) => s.label), ''];
  return [steps.map((s) => (s.n >= 0 ? data.nodes[s.n].pkg.name : s.label)), ' on ' + [...platforms][0]];
}

function show(tab) {
  for (const t of document.querySelectorAll('[role=tab]')) {
    const on = t === tab;
    t.setAttribute('aria-selected', String(on));
    t.tabIndex = on ? 0 : -1;
    byId(t.getAttribute('aria-controls')).hidden = !on;
  }
  listeners.show?.[tab.getAttribute('aria-controls')]?.();
}

function setUpTabs() {
  if (data.remarks.length) {
    byId('tab-remarks').hidden = false;
    byId('tab-remarks').textContent = `Remarks (${data.remarks.length})`;
    byId('panel-remarks').append(make('ul', {}, data.remarks.map((r) => make('li', {},
      make('strong', {}, `${r.severity}: ${r.summary}`), r.at ? make('code', {}, ' ' + r.at) : '', r.detail ? make('p', {}, r.detail) : ''))));
  }
  const tabs = [...document.querySelectorAll('[role=tab]')].filter((t) => !t.hidden);
  for (const [i, tab] of tabs.entries()) {
    tab.addEventListener('click', () => show(tab));
    tab.addEventListener('keydown', (e) => {
      const move = { ArrowLeft: i - 1, ArrowRight: i + 1, Home: 0, End: tabs.length - 1 }[e.key];
      if (move === undefined) return;
      const next = tabs[(move + tabs.length) % tabs.length];
      show(next);
      next.focus();
      e.preventDefault();
    });
  }
  document.querySelector('.skip').addEventListener('click', () => show(byId('tab-list')));
}

function setUpTheme() {
  const dark = matchMedia('(prefers-color-scheme: dark)');
  const apply = (theme) => {
    document.documentElement.dataset.theme = theme;
    readColors();
    drawLanes();
  };
  apply(dark.matches ? 'dark' : 'light');
  dark.addEventListener('change', () => apply(dark.matches ? 'dark' : 'light'));
  byId('theme').addEventListener('click', () => apply(document.documentElement.dataset.theme === 'dark' ? 'light' : 'dark'));
}

function setUpKeys() {
  document.addEventListener('keydown', (e) => {
    if (e.key === '/' && !e.target.matches('input')) {
      e.preventDefault();
      byId('search').focus();
    } else if (e.key === 'Escape') {
      if (e.target.id === 'search' && e.target.value) return; // clears the search
      if (selected >= 0) {
        select(-1);
        if (!byId('panel-graph').hidden) canvas.focus();
      }
    }
  });
}

setUpTiles();
setUpFilters();
setUpGraph();
setUpList();
setUpTimeline();
fillTimes();
listeners.select.push(showDetails);
setUpTabs();
setUpTheme();
setUpKeys();
filterNodes();
const named = decodeURIComponent(location.hash.slice(1));
const start = data.nodes.findIndex((n) => n.id === named);
if (start < 0 && data.run && (data.nodes.some((n) => n.run?.error) || data.packages.some((p) => p.steps?.some((s) => s.run?.error)))) show(byId('tab-times'));
if (start >= 0) requestAnimationFrame(() => select(start, { center: true }));
