import {moments, num} from './numbers.math.mjs';

// Contrast and brightness are the same for all channels; warmth scales red up and blue down.
export const adjust = (channels, {contrast, brightness, warmth, clip}) =>
  channels.map((channel, c) => channel.map((value) => {
    const changed = ((value - 0.5) * contrast + 0.5 + brightness) * (1 + warmth * (1 - c));
    return clip ? Math.min(1, Math.max(0, changed)) : changed;
  }));

// Per channel this is instance norm of one image, over all of them it is layer norm.
export const normalize = (channels, over, eps = 1e-5) => {
  if (over === 'nothing') return {y: channels, affine: channels.map(() => [1, 0])};
  const shared = over === 'all' && moments(channels.flat());
  const affine = channels.map((channel) => {
    const [m, v] = shared || moments(channel), scale = 1 / Math.sqrt(v + eps);
    return [scale, -m * scale];
  });
  return {affine, y: channels.map((channel, c) => {
    const [scale] = affine[c], [m] = shared || moments(channel);
    return channel.map((value) => (value - m) * scale);
  })};
};

// Root mean square of the difference that the change makes to the output.
export const difference = (channels, state, eps) => {
  const here = normalize(adjust(channels, state), state.over, eps).y.flat();
  const there = normalize(channels, state.over, eps).y.flat();
  return Math.sqrt(here.reduce((sum, value, i) => sum + (value - there[i]) ** 2, 0) / here.length);
};

export const say = (channels, state) => {
  const off = difference(channels, state), {over, warmth, contrast} = state;
  const start = `Against the output for the untouched photograph: RMS difference ${num(off, 3)}. `;
  if (over === 'nothing') return `${start}Nothing is normalized, so every change shows.`;
  if (off < 0.02) {
    return start + (contrast === 1 && !warmth && !state.brightness ? 'You have not changed it yet.'
      : `No: one mean and one scale ${over === 'all' ? 'for all channels' : 'a channel'} take out `
        + `contrast${warmth && over === 'channel' ? ', brightness and even warmth' : ' and brightness'}.`);
  }
  // The cause is what, taken away alone, leaves the smallest difference.
  const causes = [
    [difference(channels, {...state, clip: false}), 'Clipped pixels are equal for good; no mean and '
      + 'no scale tells them apart again.'],
    [over === 'all' ? difference(channels, {...state, warmth: 0}) : off, 'Warmth changes each channel by another factor, '
      + 'and one scale for all of them cannot take that out.'],
    [difference(channels, state, 1e-12), 'The variance is now no larger than ε = 0.00001, which '
      + 'therefore decides the scale.'],
  ];
  return start + causes.reduce((least, one) => (one[0] < least[0] - 1e-9 ? one : least))[1];
};
