// Light or dark, and the colours the canvas draws with.

const theme = { chosen: null, colours: {}, hatch: null };
const prefersDark = matchMedia('(prefers-color-scheme: dark)');

/** The colour with a name in the style. */
const colour = (name) => (theme.colours[name] ??= getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim());

/** Takes a theme, or the system's with `null`. */
function setTheme(chosen) {
  theme.chosen = chosen;
  const name = chosen ?? (prefersDark.matches ? 'dark' : 'light');
  document.documentElement.dataset.theme = name;
  theme.colours = {};
  theme.hatch = null;
  byId('theme').setAttribute('aria-label', `Theme: ${chosen ?? 'as the system'}`);
}

/** Slanted lines, for the window in which calls are doomed. */
function hatch(context) {
  if (!theme.hatch) {
    const tile = document.createElement('canvas');
    tile.width = tile.height = 8;
    const pen = tile.getContext('2d');
    pen.strokeStyle = colour('doomed');
    pen.lineWidth = 1.4;
    pen.beginPath();
    for (const shift of [-8, 0, 8]) {
      pen.moveTo(shift - 1, 9);
      pen.lineTo(shift + 9, -1);
    }
    pen.stroke();
    theme.hatch = context.createPattern(tile, 'repeat');
  }
  return theme.hatch;
}

setTheme(null);
