// How many lines there are over time, the bad ones apart. Dragging over it chooses the span.
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { useRef, useState } from 'react';
import { logHistogram, type LogFilter } from '../../api/endpoints';
import type { LogBucket, LogHistogram } from '../../api/types';
import { formatCount, formatTime } from '../../lib/format';

const BUCKETS = 80;
const HEIGHT = 44;
/** While nothing bounds the end, new lines change it. */
const REFRESH_MS = 10_000;
/** Narrower is a click, and chooses the one bucket. */
const MIN_DRAG_BUCKETS = 1;

interface HistogramProps {
  tenant: string;
  filter: LogFilter;
  onRange: (from: string, to: string) => void;
}

export function Histogram({ tenant, filter, onRange }: HistogramProps) {
  const { data, isError } = useQuery({
    queryKey: ['log-histogram', tenant, filter],
    queryFn: ({ signal }) => logHistogram(tenant, filter, BUCKETS, signal),
    placeholderData: keepPreviousData,
    refetchInterval: filter.to === undefined ? REFRESH_MS : false,
    retry: false,
  });
  // The list beside it says what is wrong; a second notice would say it twice.
  if (isError || !data) return <div className="histogram" aria-hidden="true" />;
  return (
    <figure className="histogram">
      <Bars data={data} onRange={onRange} />
      <figcaption className="histogram-foot">
        <span className="num">{data.count.lines > 0 ? formatTime(data.from) : ''}</span>
        <span role="status" data-testid="log-count">
          {countText(data)}
        </span>
        <span className="num">{data.count.lines > 0 ? formatTime(data.to) : ''}</span>
      </figcaption>
    </figure>
  );
}

function countText({ count, counted_from }: LogHistogram): string {
  const lines = `${formatCount(count.lines)} ${count.lines === 1 ? 'line' : 'lines'}`;
  if (count.exact) return lines;
  return counted_from ? `at least ${lines}; those before ${formatTime(counted_from)} were not counted` : `at least ${lines}`;
}

function Bars({ data, onRange }: { data: LogHistogram; onRange: (from: string, to: string) => void }) {
  const frame = useRef<SVGSVGElement>(null);
  const [drag, setDrag] = useState<{ from: number; to: number }>();
  const [over, setOver] = useState<number>();
  const { buckets } = data;
  const most = Math.max(1, ...buckets.map(({ lines }) => lines));
  const at = (event: React.PointerEvent) => {
    const box = frame.current!.getBoundingClientRect();
    return Math.min(buckets.length - 1, Math.max(0, Math.floor(((event.clientX - box.left) / box.width) * buckets.length)));
  };
  const finish = (event: React.PointerEvent) => {
    if (!drag) return;
    const last = at(event);
    const [first, end] = [Math.min(drag.from, last), Math.max(drag.from, last) + MIN_DRAG_BUCKETS];
    setDrag(undefined);
    onRange(buckets[first]!.from, buckets[end]?.from ?? data.to);
  };
  const bad = buckets.reduce((sum, bucket) => sum + bucket.error, 0);
  const told = over === undefined ? undefined : buckets[over];
  return (
    <div className="histogram-frame">
      <svg
        ref={frame}
        className="histogram-bars"
        viewBox={`0 0 ${buckets.length} ${HEIGHT}`}
        preserveAspectRatio="none"
        role="img"
        aria-label={`Lines over time: ${countText(data)}${bad > 0 ? `, ${formatCount(bad)} of them errors` : ''}. The Time filter chooses a span by keyboard.`}
        data-testid="histogram"
        onPointerDown={(event) => {
          if (event.button !== 0) return;
          event.currentTarget.setPointerCapture(event.pointerId);
          setDrag({ from: at(event), to: at(event) });
        }}
        onPointerMove={(event) => {
          setOver(at(event));
          if (drag) setDrag({ ...drag, to: at(event) });
        }}
        onPointerUp={finish}
        onPointerCancel={() => setDrag(undefined)}
        onPointerLeave={() => setOver(undefined)}
      >
        <rect className="histogram-ground" width={buckets.length} height={HEIGHT} />
        {buckets.map((bucket, index) => (
          <Bar key={index} bucket={bucket} index={index} most={most} />
        ))}
        {drag && <rect className="histogram-drag" x={Math.min(drag.from, drag.to)} width={Math.abs(drag.to - drag.from) + 1} height={HEIGHT} />}
      </svg>
      {told && told.lines > 0 && (
        <span className="histogram-tip num" aria-hidden="true">
          {formatTime(told.from)}: {formatCount(told.lines)}
          {told.error > 0 ? `, ${formatCount(told.error)} errors` : ''}
        </span>
      )}
    </div>
  );
}

function Bar({ bucket, index, most }: { bucket: LogBucket; index: number; most: number }) {
  if (bucket.lines === 0) return null;
  // Never so flat that one line among thousands is not seen.
  const height = (lines: number) => (lines === 0 ? 0 : Math.max(2, (lines / most) * HEIGHT));
  const parts: [string, number][] = [
    ['error', height(bucket.error)],
    ['warn', height(bucket.warn)],
    ['rest', height(bucket.lines - bucket.error - bucket.warn)],
  ];
  const scale = Math.min(1, HEIGHT / parts.reduce((sum, [, tall]) => sum + tall, 0));
  let below = 0;
  return parts.map(([name, tall]) => {
    below += tall * scale;
    return tall === 0 ? null : <rect key={name} className={`histogram-${name}`} x={index + 0.1} width={0.8} y={HEIGHT - below} height={tall * scale} />;
  });
}
