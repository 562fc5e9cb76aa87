import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Pen, boxOf } from '../../src/letters/outline.ts';
import { coverage } from '../../src/letters/raster.ts';

const AS_IS = { scale: 1, x: 0, y: 0 };

function polygon(pen: Pen, ...points: readonly (readonly [number, number])[]): void {
  for (const [index, [x, y]] of points.entries()) {
    if (index === 0) pen.moveTo(x, y);
    else pen.lineTo(x, y);
  }
  pen.close();
}

function rectangle(pen: Pen, left: number, top: number, right: number, bottom: number): void {
  polygon(pen, [left, top], [right, top], [right, bottom], [left, bottom]);
}

const drawn = (draw: (pen: Pen) => void, size: number): number[] => {
  const pen = new Pen();
  draw(pen);
  return [...coverage(pen.finish(), AS_IS, size)];
};

describe('rasterising', () => {
  it('gives each pixel the part of it that is covered', () => {
    expect(drawn((pen) => rectangle(pen, 0.5, 0.25, 2, 3), 3)).toEqual([
      96, 191, 0, 128, 255, 0, 128, 255, 0,
    ]);
  });

  it('gives half the pixels of a diagonal half', () => {
    expect(drawn((pen) => polygon(pen, [0, 0], [2, 2], [0, 2]), 2)).toEqual([128, 0, 255, 128]);
  });

  it('covers the overlap of two contours once', () => {
    const two = drawn((pen) => {
      rectangle(pen, 0, 0, 2.5, 3);
      rectangle(pen, 1, 0, 2.5, 3);
    }, 3);
    expect(two).toEqual(drawn((pen) => rectangle(pen, 0, 0, 2.5, 3), 3));
  });

  it('leaves a contour of the other direction open', () => {
    const ring = drawn((pen) => {
      rectangle(pen, 0, 0, 3, 3);
      polygon(pen, [1, 1], [1, 2], [2, 2], [2, 1]);
    }, 3);
    expect(ring).toEqual([255, 255, 255, 255, 0, 255, 255, 255, 255]);
  });

  it('cuts off what lies outside', () => {
    expect(drawn((pen) => rectangle(pen, -5, -5, 9, 9), 2)).toEqual([255, 255, 255, 255]);
    expect(drawn((pen) => rectangle(pen, 5, -5, 9, 9), 2)).toEqual([0, 0, 0, 0]);
  });

  it('measures any triangle to within a fiftieth of its outline', () => {
    const coordinate = fc.double({ min: 0, max: 16, noNaN: true });
    const point = fc.tuple(coordinate, coordinate);
    fc.assert(
      fc.property(point, point, point, (a, b, c) => {
        const covered = drawn((pen) => polygon(pen, a, b, c), 16).reduce(
          (sum, ink) => sum + ink,
          0,
        );
        const area = Math.abs((b[0] - a[0]) * (c[1] - a[1]) - (c[0] - a[0]) * (b[1] - a[1])) / 2;
        expect(Math.abs(covered / 255 - area)).toBeLessThan(1);
      }),
    );
  });
});

describe('flattening', () => {
  it('keeps a circle of four curves round', () => {
    const pen = new Pen();
    const k = 0.5522847498;
    pen.moveTo(1, 0);
    pen.cubicTo(1, k, k, 1, 0, 1);
    pen.cubicTo(-k, 1, -1, k, -1, 0);
    pen.cubicTo(-1, -k, -k, -1, 0, -1);
    pen.cubicTo(k, -1, 1, -k, 1, 0);
    const circle = pen.finish();
    const ink = coverage(circle, { scale: 100, x: 100, y: 100 }, 200);
    const area = ink.reduce((sum, value) => sum + value, 0) / 255;
    expect(area / (Math.PI * 100 * 100)).toBeCloseTo(1, 3);
    expect(boxOf(circle)).toEqual({ left: -1, top: -1, right: 1, bottom: 1 });
  });

  it('bends a quadratic curve through its middle', () => {
    const pen = new Pen();
    pen.moveTo(0, 0);
    pen.quadraticTo(1, 2, 2, 0);
    expect(boxOf(pen.finish()).bottom).toBeCloseTo(1, 3);
  });
});
