// The page comes to life.

/** The first lines: what the whole capture says. */
function buildHead() {
  const total = data.counts.reduce((sum, count) => sum + count, 0);
  const dead = data.died;
  const open = verdicts.find((verdict) => verdict.name === 'unanswered').count;
  byId('verdict').replaceChildren(
    dead > 0 ? `${plural(dead, 'RPC')} died` : 'No RPC died',
    make('span', { class: 'share' }, ` of ${grouped(total)}${recoveredWords(dead)}${open > 0 ? `, ${grouped(open)} still in flight at the end` : ''}`));
  const { files, packets, start, length } = data.capture;
  const named = files.length > 3 ? `${files[0]} … ${files[files.length - 1]} (${files.length} files)` : files.join(', ');
  const figures = [length == null ? '' : duration(length), plural(packets, 'packet'), plural(connections.length, 'connection')];
  byId('figures').replaceChildren(wire(named), ` · ${figures.filter(Boolean).join(' · ')}`, start ? ` · from ${start.slice(0, 19).replace('T', ' ')} UTC` : '');
  const { of, drawn } = data.thinned;
  byId('thinned').hidden = drawn === of;
  byId('thinned').textContent = `Of ${grouped(of)} healthy RPCs ${grouped(drawn)} are drawn, evenly thinned; of all others every one.`;
}

/** How many of the dead were saved by a retry. */
function recoveredWords(dead) {
  let recovered = 0;
  for (let call = 0; call < calls.count; call += 1) {
    if (verdicts[calls.verdict[call]].dies && calls.fate(call).outcome === 'recovered') recovered += 1;
  }
  if (recovered === 0) return '';
  return recovered === dead ? ', all recovered by a retry' : `, ${grouped(recovered)} recovered by a retry`;
}

function buildLegend() {
  for (const verdict of verdicts) byId('legend').append(make('dt', {}, glyph(verdict)), make('dd', {}, `${verdict.words}: ${verdict.meaning}`));
  const marks = [
    ['⚑', 'GOAWAY with its last stream id; below it when it left (○), was received and was acknowledged (●)'],
    ['▨', 'the doomed window: what the client opened there it opened in vain'],
    ['▬', 'the grace: from a GOAWAY to the close; a bar across is a FIN, a cross a RST'],
    ['╷', 'pings, the client’s above the line, the server’s below; squares are SETTINGS'],
    ['⤳', 'from a lost attempt to its retry'],
    ...(endsOfLane.some(Boolean) ? [['⤡', 'both ends, in lanes that are open: what left one and came to the other; a cross is what the network lost, a ring what a capture lacks; dashed is sent again']] : []),
    ...(hopLinks.length > 0 ? [['┆', 'from a call before a proxy to the one that the proxy made for it; a red ring where it failed']] : []),
  ];
  for (const [mark, words] of marks) byId('legend').append(make('dt', { 'aria-hidden': 'true' }, mark), make('dd', {}, words));
}

function watchButtons() {
  byId('theme').addEventListener('click', switchTheme);
  byId('help-open').addEventListener('click', () => byId('help').showModal());
  byId('link').addEventListener('click', copyLink);
  byId('fit').addEventListener('click', () => show(WHOLE.from, WHOLE.to));
  byId('zoom-in').addEventListener('click', () => zoom(0.6, selectedX()));
  byId('zoom-out').addEventListener('click', () => zoom(1 / 0.6, selectedX()));
  prefersDark.addEventListener('change', () => {
    if (theme.chosen === null) setTheme(null);
    redraw();
  });
}

buildHead();
buildLegend();
buildFilters();
buildFindings();
watchButtons();
watchMinimap();
watchPointer();
watchKeys();
watchSearch();
watchPrint();
new ResizeObserver(() => fit()).observe(stage);
addEventListener('hashchange', readAddress);
fit();
if (data.around) show(...data.around);
readAddress();
draw();

/** For tests, and for the curious at the console: what is shown, and where a call stands. */
window.timeline = {
  shown: () => ({ from: view.from, to: view.to, scroll: stage.scrollTop, width: view.width, height: view.height }),
  count: calls.count,
  selected: () => (selection.call === null ? null : callId(selection.call)),
  find: (query) => findCalls(query).map(callId),
  hops: () => hopLinks.map(({ from, to, died }) => ({ from: callId(from), to: callId(to), died })),
  ways: (number) => {
    const lane = lanes[laneOfNumber.get(number)];
    const top = bodyTop(lane) - ENDS_HEIGHT - stage.scrollTop;
    if (!endsOfLane[lane.index] || endsHeight(lane) === 0) return null;
    return chosenWays(endsOfLane[lane.index]).shown.map((way) => ({
      kind: way.kind, number: way.number, fate: way.fate, fromServer: way.fromServer,
      ...wayPlace(way, top + CLIENT_LINE, top + SERVER_LINE),
    }));
  },
  place: (id) => {
    const call = callNamed(id);
    return call === undefined ? null : { from: toX(calls.from[call]), to: toX(calls.to[call]), y: callY(call) - stage.scrollTop };
  },
};
