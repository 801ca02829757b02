// drawNode draws a card: like a container's end, with its state at the edge.
// From afar it is a plain box.
function drawNode(c, n) {
  const color = colors[stateVar(n.state)];
  c.globalAlpha = lit(n) ? 1 : 0.16;
  if (view.scale < 0.2) {
    c.fillStyle = color;
    c.fillRect(n.x, n.y, card.w, card.h);
    if (n.i === selected || n.crit) outline(c, n, (n.i === selected ? 3 : 1.5) / view.scale);
    c.globalAlpha = 1;
    return;
  }
  c.beginPath();
  c.roundRect(n.x, n.y, card.w, card.h, 9);
  c.fillStyle = colors['--surface'];
  c.fill();
  c.lineWidth = 1;
  c.strokeStyle = colors['--line'];
  c.stroke();
  c.beginPath();
  c.roundRect(n.x, n.y, 7, card.h, [9, 0, 0, 9]);
  c.fillStyle = color;
  c.fill();
  if (n.i === selected || n.crit || n.i === hovered) outline(c, n, n.i === selected ? 3 : 2);
  drawText(c, n, color);
  c.globalAlpha = 1;
}

function outline(c, n, width) {
  c.beginPath();
  c.roundRect(n.x, n.y, card.w, card.h, 9);
  c.lineWidth = width;
  c.strokeStyle = n.i === selected ? colors['--text'] : colors['--accent'];
  c.stroke();
}

// drawText writes no smaller than can be read: from further away only the name.
function drawText(c, n, color) {
  const sans = colors['--sans'];
  const far = view.scale < 0.45;
  const big = Math.round(Math.max(13.5, 9.5 / view.scale)), small = Math.round(Math.max(12, 8.5 / view.scale));
  const ms = n.run?.ms ?? n.est;
  const time = ms && !far ? duration(ms) : '';
  const top = n.y + (far ? card.h / 2 + big * 0.35 : 7 + big);
  c.font = `${small}px ${sans}`;
  const room = time ? c.measureText(time).width + 10 : 0;
  if (time) {
    c.fillStyle = colors['--faint'];
    c.textAlign = 'right';
    c.fillText(time, n.x + card.w - 10, top);
    c.textAlign = 'left';
  }
  c.fillStyle = colors['--text'];
  c.font = `600 ${big}px ${sans}`;
  c.fillText(fitted(c, n, 'title' + big, n.pkg.name, card.w - 28 - room), n.x + 18, top);
  if (far) return;
  const bottom = n.y + card.h - 9;
  c.font = `${small}px ${sans}`;
  c.fillStyle = colors['--faint'];
  c.fillText(shortPlatform(n), n.x + 18, bottom);
  const used = c.measureText(shortPlatform(n)).width + 10;
  c.fillStyle = color;
  const why = n.run ? stateName(n.state) : shortReasons[n.reason] ?? (n.reason ?? '');
  c.fillText(fitted(c, n, 'why' + small, why, card.w - 28 - used), n.x + 18 + used, bottom);
}

// fitted shortens a text of a node to a width, and remembers the result.
function fitted(c, n, key, text, width) {
  n.cut ??= {};
  return n.cut[key] ??= shortened(c, text, width);
}

// shortened leaves out the middle of a text: names often differ at the end.
function shortened(c, text, width) {
  if (c.measureText(text).width <= width) return text;
  for (let kept = text.length - 1; kept > 0; kept--) {
    const out = text.slice(0, Math.ceil(kept / 2)) + '…' + text.slice(text.length - Math.floor(kept / 2));
    if (c.measureText(out).width <= width) return out;
  }
  return '…';
}
