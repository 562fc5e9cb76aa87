/** Who has no letter: head and shoulders. */
import { type Outline, Pen } from './outline.ts';

// The distance of a cubic's control points that draws a quarter of a circle to 0.03 % of the radius.
const QUARTER = 0.5522847498;

const HEAD = { x: 0.5, y: 0.27, radius: 0.22 };
const SHOULDERS = { left: 0.07, right: 0.93, top: 0.56, bottom: 0.95 };
/** Of the lower corners of the shoulders. */
const CORNER = 0.08;

/** About as large as a letter: fills most of an em square. */
export function silhouette(): Outline {
  const pen = new Pen();
  drawHead(pen);
  drawShoulders(pen);
  return pen.finish();
}

function drawHead(pen: Pen): void {
  const { x, y, radius: r } = HEAD;
  const c = r * QUARTER;
  pen.moveTo(x + r, y);
  pen.cubicTo(x + r, y + c, x + c, y + r, x, y + r);
  pen.cubicTo(x - c, y + r, x - r, y + c, x - r, y);
  pen.cubicTo(x - r, y - c, x - c, y - r, x, y - r);
  pen.cubicTo(x + c, y - r, x + r, y - c, x + r, y);
  pen.close();
}

function drawShoulders(pen: Pen): void {
  const { left, right, top, bottom } = SHOULDERS;
  const middle = (left + right) / 2;
  const half = (right - left) / 2;
  // A quarter of an ellipse on either side, standing on rounded corners.
  const foot = bottom - CORNER;
  const rise = (foot - top) * QUARTER;
  const c = CORNER * (1 - QUARTER);
  pen.moveTo(left, foot);
  pen.cubicTo(left, foot - rise, middle - half * QUARTER, top, middle, top);
  pen.cubicTo(middle + half * QUARTER, top, right, foot - rise, right, foot);
  pen.cubicTo(right, bottom - c, right - c, bottom, right - CORNER, bottom);
  pen.lineTo(left + CORNER, bottom);
  pen.cubicTo(left + c, bottom, left, bottom - c, left, foot);
  pen.close();
}
