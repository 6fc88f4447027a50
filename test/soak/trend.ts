// Points over time arrive; how fast they rise leaves.

export interface Point {
  readonly seconds: number;
  readonly value: number;
}

/** Of the straight line that is nearest to all of them (least squares), for a minute. NaN of fewer than two. */
export function slopePerMinute(points: readonly Point[]): number {
  const mean = (pick: (point: Point) => number): number =>
    points.reduce((sum, point) => sum + pick(point), 0) / points.length;
  const [seconds, value] = [mean((point) => point.seconds), mean((point) => point.value)];
  const along = points.reduce((sum, point) => sum + (point.seconds - seconds) ** 2, 0);
  const both = points.reduce(
    (sum, point) => sum + (point.seconds - seconds) * (point.value - value),
    0,
  );
  return points.length < 2 ? Number.NaN : (both / along) * 60;
}
