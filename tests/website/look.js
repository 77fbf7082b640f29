// What a page shows, as data. The browser runs this in each page on a phone's width.
async () => {
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  // A link inside a drawing has an object in its property `href`.
  const address = (one) => new URL(one.getAttribute('href'), document.baseURI).href;
  const start = (one) => one.outerHTML.slice(0, 160);
  const math = all('.math');
  await document.fonts.ready;
  await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));

  // TeX that nobody typeset, that could not be read, or whose macro is unknown.
  const error = '[data-mjx-error], mjx-merror, [style*="color: red"], [style*="color:red"]';
  const badMath = math
    .filter((one) => !one.querySelector('mjx-container') || one.querySelector(error))
    .map((one) => one.textContent.trim());

  const words = (one) => one.getAttribute(one.tagName === 'IMG' ? 'alt' : 'aria-label') || '';
  const isPath = (one) => one.tagName === 'IMG' && one.src.endsWith('/' + words(one).split('/').pop());
  const silent = all('img, svg[role=img]')
    .filter((one) => !words(one).trim() || isPath(one)).map(start);

  const root = document.documentElement;
  const right = (one) => one.getBoundingClientRect().right;
  const wide = root.scrollWidth <= root.clientWidth ? [] : all('body *')
    .filter((one) => right(one) > root.clientWidth)
    .sort((one, other) => right(other) - right(one)).slice(0, 2).map(start);

  const entries = performance.getEntries().filter((one) => 'transferSize' in one);
  const attribute = (selector, name) => document.querySelector(selector)?.getAttribute(name) ?? null;
  return {
    math: math.length, badMath, silent, wide,
    bytes: entries.reduce((sum, one) => sum + one.transferSize, 0),
    ids: all('[id]').map((one) => one.id),
    links: all('a[href]').map(address),
    article: all('article a[href]').map(address),
    buttons: all('.article-header-buttons a[href]').map(address),
    title: document.title,
    language: root.lang,
    canonical: attribute('link[rel=canonical]', 'href'),
    icon: attribute('link[rel~=icon]', 'href'),
    description: attribute('meta[name=description]', 'content'),
    graph: Object.fromEntries(
      all('meta[property^="og:"]').map((one) => [one.getAttribute('property'), one.content])),
  };
}
