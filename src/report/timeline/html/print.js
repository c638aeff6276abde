// Paper: light, and all lanes that a few pages hold.

/** How much of the lanes is printed, in pixels: about three pages. */
const PRINTED_HEIGHT = 2800;

function watchPrint() {
  let before = null;
  addEventListener('beforeprint', () => {
    before = { chosen: theme.chosen, scroll: stage.scrollTop };
    setTheme('light');
    stage.scrollTop = 0;
    fit(Math.min(lanesHeight + 10, PRINTED_HEIGHT));
    draw();
  });
  addEventListener('afterprint', () => {
    if (!before) return;
    setTheme(before.chosen);
    fit();
    stage.scrollTop = before.scroll;
    before = null;
  });
}
