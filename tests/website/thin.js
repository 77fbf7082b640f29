// Before axe: take away what it need not see twice or cannot judge, else a page takes it ten seconds.
() => {
  const known = new Set();
  for (const token of document.querySelectorAll('.highlight span[class]')) {
    const kind = `${token.closest('.highlight').parentElement.className}/${token.className}`;
    if (known.has(kind)) token.replaceWith(...token.childNodes); // the same colours once more
    known.add(kind);
  }
  // A formula's letters have the colour of the text around them; another check finds red ones.
  for (const formula of document.querySelectorAll('mjx-container')) {
    formula.replaceWith(formula.querySelector('math')?.textContent ?? '');
  }
  // Axe judges `color`, and a picture's text is drawn in `fill`; its name is what counts.
  for (const picture of document.querySelectorAll('svg[role=img], svg[aria-hidden=true]')) {
    picture.replaceChildren();
  }
  document.body.normalize(); // else each token's text would be measured by itself
}
