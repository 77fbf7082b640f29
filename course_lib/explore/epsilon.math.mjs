import {many, moments, normals, num} from './numbers.math.mjs';

// `width` values whose mean is twice their spread.
export const inputs = ({width, spread}) => {
  const z = many(width, normals(31)), [m, v] = moments(z);
  return z.map((value) => spread * (2 + (value - m) / Math.sqrt(v)));
};

export const layerNorm = (x, eps) => {
  const [m, v] = moments(x), scale = 1 / Math.sqrt(v + eps);
  return x.map((value) => (value - m) * scale);
};

// The spread that is left of 1.
export const kept = (spread, eps) => spread / Math.sqrt(spread ** 2 + eps);

export const say = (state) => {
  const {width, spread, eps} = state, left = kept(spread, eps), root = Math.sqrt(eps);
  const start = `The ${width} inputs spread by ${spread}, and √ε is ${+root.toPrecision(2)}: `
    + `the outputs spread by ${num(left, left < 0.1 ? 4 : 2)}${left < 0.995 ? ' instead of 1' : ''}. `;
  if (left < 0.2) return `${start}ε decides the scale: whatever made these inputs, the layer passes on nearly nothing.`;
  if (left < 0.995) return `${start}ε and the inputs share the decision; inputs of another spread would come out otherwise.`;
  if (width === 2) return `${start}Of two values only the order is left: one becomes 1, the other −1.`;
  return `${start}ε costs nothing here: multiply the inputs by ten, and the outputs stay.`;
};
