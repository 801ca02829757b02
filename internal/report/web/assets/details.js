const link = (i) => {
  const n = data.nodes[i];
  return make('li', {}, make('button', { type: 'button', class: 'open', onclick: () => select(i, { focus: true, center: true }) }, label(n)),
    ' ', make('span', { class: 'state', color: stateVar(n.state) }, make('small', {}, stateName(n.state))));
};

const titled = (title, ...content) => {
  const rest = content.flat().filter(Boolean);
  return rest.length ? [make('h3', {}, title), ...rest] : [];
};

// manyLinks lists nodes, the first of them at once.
function manyLinks(title, list) {
  const few = 8;
  const parts = [make('ul', {}, list.slice(0, few).map(link))];
  if (list.length > few) {
    const rest = make('details', {}, make('summary', {}, `${list.length - few} more`));
    rest.addEventListener('toggle', () => {
      if (rest.open && rest.children.length === 1) rest.append(make('ul', {}, list.slice(few).map(link)));
    });
    parts.push(rest);
  }
  return list.length ? titled(`${title} (${list.length})`, parts) : [];
}

function whyBox(n) {
  const lines = [make('strong', {}, (n.reason ?? stateName(n.state)).replaceAll('_', ' '))];
  if (reasons[n.reason]) lines.push(make('p', {}, reasons[n.reason]));
  if (n.changes?.length) lines.push(make('ul', { class: 'mono' }, n.changes.map((c) => make('li', {}, c))));
  return make('div', { class: 'why-box', color: stateVar(n.state) }, lines);
}

function pastTimes(n) {
  if (!n.est && !n.past?.length) return [];
  const parts = [];
  if (n.est) parts.push(make('p', {}, `Expected to take ${duration(n.est)}.`));
  if (n.past?.length) {
    const list = [...n.past].reverse();
    const most = Math.max(...list.map((p) => p.ms), 1);
    const bars = make('div', { class: 'bars', 'aria-hidden': 'true' }, list.map((p) => {
      const bar = make('i', { class: p.ok ? '' : 'bad', title: duration(p.ms) });
      bar.style.height = `${Math.round(100 * p.ms / most)}%`;
      return bar;
    }));
    parts.push(bars, make('ul', { class: 'tight' }, n.past.slice(0, 5).map((p) => make('li', {},
      make('small', {}, new Date(p.at).toLocaleString()), make('span', {}, duration(p.ms) + (p.ok ? '' : ', failed'))))));
  }
  return titled('Times', parts);
}

function inputs(p) {
  if (!p.inputs?.length) return [];
  const total = p.inputs.reduce((sum, g) => sum + g.items.length + (g.more ?? 0), 0);
  return titled(`Inputs (${total})`, p.inputs.map((g) => {
    const box = make('details', {}, make('summary', {}, g.kind.replaceAll('_', ' '), ' ', make('small', {}, String(g.items.length + (g.more ?? 0)))));
    box.addEventListener('toggle', () => {
      if (!box.open || box.children.length > 1) return;
      box.append(make('ul', { class: 'mono' }, g.items.map(([name, digest]) => make('li', {}, name, ' ', make('small', {}, digest)))));
      if (g.more) box.append(make('p', {}, `and ${g.more} more: see stowage explain`));
    });
    return box;
  }));
}

function runFacts(r) {
  if (!r) return [];
  const rows = [['Status', make('span', { class: 'state', color: stateVar(r.status) }, stateName(r.status))]];
  if (r.ms) rows.push(['Time', `${duration(r.ms)}, from +${duration(r.s)}`]);
  if (r.builder) rows.push(['Builder', r.builder]);
  if (r.attempts > 1) rows.push(['Attempts', String(r.attempts)]);
  if (r.ended) rows.push(['From the cache', `${r.cached ?? 0} of ${r.ended} instructions`]);
  if (r.because?.length) rows.push(['Because of', r.because.join(', ')]);
  if (r.digest) rows.push(['Image', make('code', {}, r.digest)]);
  const out = titled('This run', make('dl', {}, rows.flatMap(([k, v]) => [make('dt', {}, k), make('dd', {}, v)])));
  if (r.error) out.push(make('pre', { tabindex: '0', role: 'region', 'aria-label': 'Error' }, [r.excerpt, r.error].filter(Boolean).join('\n\n')));
  if (r.slow?.length) {
    out.push(...titled('Slowest instructions', make('ul', { class: 'tight' }, r.slow.map((s) => make('li', {}, make('code', {}, s.label), make('span', {}, duration(s.ms)))))));
  }
  if (r.log) {
    out.push(make('details', { open: r.status === 'failed' }, make('summary', {}, r.cut ? 'End of the log' : 'Log'),
      make('pre', { tabindex: '0', role: 'region', 'aria-label': 'Log' }, r.log)));
  }
  if (r.file) out.push(make('p', {}, make('small', {}, 'All of it: ' + r.file)));
  return out;
}

function showDetails({ focus } = {}) {
  const box = byId('details');
  const n = data.nodes[selected];
  box.hidden = !n;
  if (!n) return;
  const p = n.pkg;
  box.replaceChildren(
    make('button', { type: 'button', class: 'close', 'aria-label': 'Close details', onclick: () => select(-1) }, '×'),
    make('h2', {}, p.name),
    make('p', { class: 'sub' }, make('span', { class: 'state', color: stateVar(n.state) }, stateName(n.state)),
      [n.platform, n.wave && `wave ${n.wave}`, n.crit && 'on the critical path', p.dirty && 'differs from HEAD'].filter(Boolean).map((text) => make('span', {}, text))),
    whyBox(n), ...runFacts(n.run), ...pastTimes(n),
    ...manyLinks('Made with', n.needs), ...manyLinks('Used by', n.users),
    ...titled('Then', (p.steps ?? []).length ? make('ul', {}, p.steps.map((s) => make('li', {}, s.label,
      s.run ? make('span', {}, ' ', make('span', { class: 'state', color: stateVar(s.run.status) }, stateName(s.run.status)), s.run.error ? ': ' + s.run.error : '') : ''))) : null),
    ...inputs(p),
    ...(p.ref ? titled('Reference', make('p', { class: 'mono' }, p.ref)) : []),
    ...(p.hash ? titled('Hash', make('p', { class: 'mono' }, p.hash)) : []),
  );
  box.scrollTop = 0;
  if (focus) box.focus();
}
