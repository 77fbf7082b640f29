import {many, moments, normals, num} from './numbers.math.mjs';

export const SAMPLES = 2, CHANNELS = 8, POSITIONS = 4;
const next = normals(23);
// The block, sample by sample and channel by channel, each channel with a mean of its own.
export const BLOCK = many(SAMPLES * CHANNELS * POSITIONS, (i) => {
  const channel = Math.floor(i / POSITIONS) % CHANNELS;
  return +(next() * (0.5 + 0.15 * channel) + Math.cos(channel)).toFixed(2);
});

export const place = (i) =>
  [Math.floor(i / POSITIONS / CHANNELS), Math.floor(i / POSITIONS) % CHANNELS, i % POSITIONS];

// The group of each value: its channels' group, and its sample's unless the mean is over both.
export const groupsOf = ({groups, batch}) => BLOCK.map((_, i) => {
  const [sample, channel] = place(i);
  return (batch ? 0 : sample * groups) + Math.floor((channel * groups) / CHANNELS);
});

export const normalize = (x, ids, eps = 1e-5) => {
  const y = x.slice();
  for (const id of new Set(ids)) {
    const members = x.map((_, i) => i).filter((i) => ids[i] === id);
    const [m, v] = moments(members.map((i) => x[i]));
    for (const i of members) y[i] = (x[i] - m) / Math.sqrt(v + eps);
  }
  return y;
};

export const run = (state) => {
  const ids = groupsOf(state), changed = BLOCK.slice();
  changed[state.cell] += state.change;
  const before = normalize(BLOCK, ids), y = normalize(changed, ids);
  return {ids, y, moved: y.map((value, i) => Math.abs(value - before[i]) > 1e-9)};
};

export const nameOf = ({groups, batch}) => {
  if (batch) return groups === CHANNELS ? 'batch norm' : 'a layer without a name';
  return {1: 'layer norm', [CHANNELS]: 'instance norm'}[groups] || `group norm with ${groups} groups`;
};

export const say = (state, {ids, moved}) => {
  const count = moved.filter(Boolean).length, share = ids.filter((id) => id === ids[state.cell]).length;
  const [sample] = place(state.cell), kept = CHANNELS / state.groups;
  const across = moved.some((is, i) => is && place(i)[0] !== sample);
  const shape = `x.reshape(2, ${state.groups}, ${kept}, 4).mean((${state.batch ? '0, ' : ''}2, 3))`;
  return `This is ${nameOf(state)}: ${new Set(ids).size} mean${new Set(ids).size > 1 ? 's' : ''} of `
    + `${share} values, ${shape}. `
    + (state.change ? `The change of ${num(state.change, 1)} moves ${count} outputs, ${
      across ? 'some of them in the other sample' : 'none of them in the other sample'}.`
      : 'Nothing is changed, so no output moves.');
};
