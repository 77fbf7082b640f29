// Only what a rule allows enters the state, whoever wrote it into the page.
const isInside = (rule, value) =>
  typeof value === 'number' && value >= rule.min && value <= rule.max;
const isAllowed = (rule, value) => {
  if (Array.isArray(rule)) return rule.includes(value);
  if (!rule.length) return isInside(rule, value);
  return Array.isArray(value) && value.every((one) => isInside(rule, one))
    && value.length >= rule.length[0] && value.length <= rule.length[1];
};
const readState = (text) => {
  const state = structuredClone(DEFAULTS);
  let given;
  try { given = JSON.parse(text); } catch { return state; }
  if (given?.constructor !== Object) return state;
  for (const key in RULES) {
    if (Object.hasOwn(given, key) && isAllowed(RULES[key], given[key])) state[key] = given[key];
  }
  return state;
};

let count = 0;
// Give each host of this figure what `build` makes: nodes, and `update`, which returns a sentence.
const mount = (build) => {
  for (const host of document.querySelectorAll(`.course-explore[data-figure="${NAME}"]`)) {
    if (!host.shadowRoot) start(host, build);
  }
};
const start = (host, build) => {
  const start = readState(host.dataset.state), state = structuredClone(start);
  const syncs = [], views = [], result = el('p', {class: 'result', role: 'status'});
  let frameId, drawn;
  const draw = () => {
    drawn = host.clientWidth;
    syncs.forEach((sync) => sync());
    result.textContent = parts.update();
    for (const {svg, layer, height, paint} of views) {
      const width = Math.max(120, Math.round(svg.clientWidth) || 560);
      const tall = typeof height === 'function' ? height(width) : height;
      const [label, ...nodes] = paint(width, tall);
      layer.replaceChildren(...nodes.flat());
      set(svg, {viewBox: `0 0 ${width} ${tall}`, height: tall, 'aria-label': label});
    }
  };
  const go = () => { cancelAnimationFrame(frameId); frameId = requestAnimationFrame(draw); };
  const put = (key, value) => { state[key] = value; go(); };
  const tools = {
    state, result, put,
    // A native slider over a range, or over the positions of a list.
    slider(title, key, format = num) {
      const rule = RULES[key], list = Array.isArray(rule) && rule, id = `explore-${count++}`;
      const value = el('span', {class: 'value', 'aria-hidden': 'true'}), ends = list ? {min: 0, max: list.length - 1} : rule;
      const input = el('input', {
        type: 'range', id, min: ends.min, max: ends.max, step: ends.step || 1,
        input: () => put(key, list ? list[+input.value] : +input.value),
      });
      syncs.push(() => {
        input.value = list ? list.indexOf(state[key]) : state[key];
        value.textContent = format(state[key]);
        input.setAttribute('aria-valuetext', value.textContent);
      });
      return el('div', {class: 'slider'}, el('label', {for: id}, title, value), input);
    },
    // Radio buttons that look like one bar: options are [value, words].
    choice(title, key, options = RULES[key].map((one) => [one, one])) {
      const name = `explore-${count++}`, bar = el('div', {class: 'bar'});
      for (const [value, words] of options) {
        const input = el('input', {type: 'radio', name, change: () => put(key, value)});
        syncs.push(() => { input.checked = state[key] === value; });
        bar.append(el('label', {}, input, words));
      }
      return el('fieldset', {}, el('legend', {}, title), bar);
    },
    check(title, key) {
      const input = el('input', {type: 'checkbox', change: () => put(key, input.checked)});
      syncs.push(() => { input.checked = state[key]; });
      return el('label', {class: 'check'}, input, title);
    },
    button: (title, act) =>
      el('button', {type: 'button', click: () => { act(); go(); }}, title),
    // A drawing at its real width; `paint(width, height)` returns a description, then nodes.
    // Handles are not drawn anew, for they may have the focus: `paint` moves them.
    view(title, height, paint, ...handles) {
      const layer = el('g'), svg = el('svg', {
        role: handles.length ? 'group' : 'img',
        'font-family': 'system-ui,sans-serif', 'font-size': 12, fill: 'var(--muted)',
      }, layer, ...handles);
      views.push({svg, layer, height, paint});
      return el('div', {class: 'view'}, el('p', {class: 'title'}, title), svg);
    },
  };
  const {dataset} = host, parts = build(tools);
  const headings = [...document.querySelectorAll('h1,h2,h3,h4,h5')];
  const above = headings.filter((one) => one.compareDocumentPosition(host) & 4).at(-1);
  const heading = el('p', {
    class: 'question', role: 'heading', 'aria-level': above ? +above.tagName[1] + 1 : 3,
  }, dataset.question);
  const reset = tools.button('Reset', () => Object.assign(state, structuredClone(start)));
  const card = el('div', {class: 'card'},
    el('header', {}, heading, reset), el('p', {class: 'challenge'}, dataset.challenge),
    ...parts.nodes);
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(CSS);
  draw();
  // What could fail has not: only now does the figure take the fallback's place.
  const root = host.attachShadow({mode: 'open'});
  root.adoptedStyleSheets = [sheet];
  root.append(card);
  draw();
  // Else a letter would be a shortcut of the page around: in JupyterLab d, d deletes the cell.
  for (const type of ['keydown', 'keypress', 'keyup']) {
    host.addEventListener(type, (event) => {
      if (!(event.ctrlKey || event.metaKey || event.altKey || event.key === 'Escape')) {
        event.stopPropagation();
      }
    });
  }
  new ResizeObserver(() => host.clientWidth === drawn || go()).observe(host);
};
