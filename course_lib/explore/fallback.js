// In the maintainer's page: every drawing at its place, and the titles, as one drawing.
() => {
  const root = document.querySelector('.course-explore').shadowRoot;
  const views = root.querySelector('.views').getBoundingClientRect(), parts = [];
  const place = (one) => {
    const {x, y, width, height} = one.getBoundingClientRect();
    return {x: Math.round(x - views.x), y: Math.round(y - views.y),
      width: Math.round(width), height: Math.round(height)};
  };
  // A canvas says how it changed the photograph's channels: [slope, intercept] of each.
  const photograph = ({photograph, affine}, at, id) => {
    const parts = affine.map(([slope, intercept], channel) => `<feFunc${'RGB'[channel]} `
      + `type="linear" slope="${slope.toFixed(4)}" intercept="${intercept.toFixed(4)}"/>`);
    return `<filter id="f${id}" color-interpolation-filters="sRGB"><feComponentTransfer>`
      + `${parts.join('')}</feComponentTransfer></filter>`
      + (id > 1 ? '' : `<defs><image id="p" href="${photograph}" ${at.replace(/.*(?=width)/, '')}/></defs>`)
      + `<use href="#p" filter="url(#f${id})" ${at.replace(/ width.*/, '')}/>`;
  };
  for (const one of root.querySelectorAll('.views .title, .views svg, .views canvas')) {
    const {x, y, width, height} = place(one), copy = one.cloneNode(true);
    for (const handle of copy.querySelectorAll('.handle, .pick')) {
      if (handle.getAttribute('fill') === 'transparent') handle.remove();
    }
    for (const part of copy.querySelectorAll('*')) {
      for (const name of part.getAttributeNames()) {
        if (/^(role|tabindex|class|aria-)/.test(name)) part.removeAttribute(name);
      }
    }
    const words = one.textContent.replace(/&/g, '&amp;').replace(/</g, '&lt;');
    const at = `x="${x}" y="${y}" width="${width}" height="${height}"`;
    const inside = copy.innerHTML.replace(/ xmlns="[^"]*"/g, '')
      .replace(/<g[^>]*><\/g>|<path d=""[^>]*><\/path>/g, '').replace(/><\/(path|circle|rect|ellipse)>/g, '/>');
    parts.push(one.tagName === 'svg' ? `<svg ${at}>${inside}</svg>`
      : one.tagName === 'CANVAS' ? photograph(one, at, parts.length)
      : words && `<text x="${x}" y="${y + 14}" font-weight="bold" font-size="13">${words}</text>`);
  }
  const size = `${Math.round(views.width)} ${Math.round(views.height)}`;
  return [size, parts.join(''), root.querySelector('.result').textContent];
}
