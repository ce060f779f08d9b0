// The marks beside the rows: where each command begins, in the colour of how it ended. The bar above says the same in words.
import { useEffect, useState } from 'react';
import type { Block } from '../../stream/console/blocks';
import type { SessionScreen, SessionView } from '../../ui/session-screen';

/** Between two commands, so that they are seen apart. */
const GAP_PX = 3;

export function Gutter({ screen, view }: { screen: SessionScreen; view: SessionView }) {
  const [marks, setMarks] = useState<ReturnType<SessionScreen['gutter']>>([]);
  useEffect(() => {
    let frame: number | undefined;
    const draw = () => {
      frame ??= requestAnimationFrame(() => {
        frame = undefined;
        setMarks(screen.gutter());
      });
    };
    draw();
    const stop = screen.onMoved(draw);
    return () => {
      stop();
      if (frame !== undefined) cancelAnimationFrame(frame);
    };
  }, [screen, view.blocks]);
  return (
    <div className="term-gutter" aria-hidden="true">
      {marks.map(({ block, topPx, heightPx }) => (
        <span
          key={block.id}
          className={`term-mark ${tone(block)}`}
          data-current={block.id === view.current?.id || undefined}
          style={{ top: topPx, height: heightPx - GAP_PX }}
          title={block.line}
          onClick={() => screen.show(block)}
        />
      ))}
    </div>
  );
}

function tone({ end }: Block): string {
  if (!end) return 'busy';
  return (end.exitCode ?? 0) === 0 ? 'ok' : 'bad';
}
