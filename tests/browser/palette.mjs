// Makes a picture smaller: of a page's thousands of colours, nearly all of them steps between text
// and ground, it keeps those that are most frequent and those that are like no other, and takes for
// each other one the nearest.

import { crc32, deflateSync, inflateSync } from "node:zlib";

const SIGNATURE = 8;
const FREQUENT = 192;
const MOST = 256;

// A PNG with a palette, from one of 8 bits a channel without transparency, as browsers make them.
export function withPalette(png) {
  const { data, channels, width, height } = decode(png);
  const counts = new Map();
  const pixels = new Uint32Array(width * height);
  for (let place = 0; place < pixels.length; place += 1) {
    const at = place * channels;
    const colour = (data[at] << 16) | (data[at + 1] << 8) | data[at + 2];
    pixels[place] = colour;
    counts.set(colour, (counts.get(colour) ?? 0) + 1);
  }
  const frequent = [...counts].sort(([, one], [, other]) => other - one).map(([colour]) => colour);
  const palette = choose(frequent);
  const index = new Map(frequent.map((colour) => [colour, nearest(palette, colour)]));
  const rows = Buffer.alloc(height * (width + 1));
  for (let place = 0; place < pixels.length; place += 1) {
    // Before each row stands its filter: none.
    rows[Math.floor(place / width) * (width + 1) + 1 + (place % width)] = index.get(pixels[place]);
  }
  return encode(width, height, palette, rows);
}

function choose(frequent) {
  const palette = frequent.slice(0, FREQUENT);
  const gaps = new Map(
    frequent.slice(FREQUENT).map((colour) => {
      return [colour, Math.min(...palette.map((chosen) => distance(chosen, colour)))];
    }),
  );
  while (palette.length < MOST && gaps.size > 0) {
    const [strangest] = [...gaps].reduce((one, other) => (other[1] > one[1] ? other : one));
    palette.push(strangest);
    gaps.delete(strangest);
    for (const [colour, gap] of gaps) gaps.set(colour, Math.min(gap, distance(strangest, colour)));
  }
  return palette;
}

function nearest(palette, colour) {
  const distances = palette.map((chosen) => distance(chosen, colour));
  return distances.indexOf(Math.min(...distances));
}

function distance(one, other) {
  const of = (shift) => (((one >> shift) & 255) - ((other >> shift) & 255)) ** 2;
  return of(16) + of(8) + of(0);
}

function decode(png) {
  const parts = [];
  let head;
  for (let at = SIGNATURE; at < png.length; ) {
    const length = png.readUInt32BE(at);
    const kind = png.toString("latin1", at + 4, at + 8);
    const body = png.subarray(at + 8, at + 8 + length);
    if (kind === "IHDR") head = body;
    if (kind === "IDAT") parts.push(body);
    at += 12 + length;
  }
  const [width, height] = [head.readUInt32BE(0), head.readUInt32BE(4)];
  const channels = head[9] === 6 ? 4 : 3;
  return { data: unfilter(inflateSync(Buffer.concat(parts)), width * channels, channels), channels, width, height };
}

// Undoes the filters of rows (PNG, section 9).
function unfilter(raw, size, channels) {
  const rows = raw.length / (size + 1);
  const data = Buffer.alloc(rows * size);
  for (let row = 0; row < rows; row += 1) {
    const filter = raw[row * (size + 1)];
    for (let column = 0; column < size; column += 1) {
      const at = row * size + column;
      const left = column >= channels ? data[at - channels] : 0;
      const up = row > 0 ? data[at - size] : 0;
      const corner = row > 0 && column >= channels ? data[at - size - channels] : 0;
      const guess = [0, left, up, (left + up) >> 1, paeth(left, up, corner)][filter];
      data[at] = raw[row * (size + 1) + 1 + column] + guess;
    }
  }
  return data;
}

function paeth(left, up, corner) {
  const estimate = left + up - corner;
  const [toLeft, toUp, toCorner] = [left, up, corner].map((value) => Math.abs(estimate - value));
  if (toLeft <= toUp && toLeft <= toCorner) return left;
  return toUp <= toCorner ? up : corner;
}

function encode(width, height, palette, rows) {
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width, 0);
  head.writeUInt32BE(height, 4);
  // 8 bits, a palette, the usual compression and filters, no interlacing.
  head.set([8, 3, 0, 0, 0], 8);
  const colours = palette.flatMap((colour) => [colour >> 16, (colour >> 8) & 255, colour & 255]);
  return Buffer.concat([
    Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]),
    part("IHDR", head),
    part("PLTE", Buffer.from(colours)),
    part("IDAT", deflateSync(rows, { level: 9 })),
    part("IEND", Buffer.alloc(0)),
  ]);
}

function part(kind, body) {
  const named = Buffer.concat([Buffer.from(kind, "latin1"), body]);
  const framed = Buffer.alloc(named.length + 8);
  framed.writeUInt32BE(body.length, 0);
  named.copy(framed, 4);
  framed.writeUInt32BE(crc32(named), named.length + 4);
  return framed;
}
