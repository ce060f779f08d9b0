// Following across lost connections: cursors, back-off, and what ends it.
import { describe, expect, test } from 'vitest';
import { backoffMs } from './backoff';
import { follow, type FollowState } from './follow';

type Answer = string | number | Error;

function script(answers: Answer[]) {
  const cursors: (string | undefined)[] = [];
  return {
    cursors,
    open: async (cursor: string | undefined) => {
      cursors.push(cursor);
      const answer = answers.shift() ?? 404;
      if (answer instanceof Error) throw answer;
      if (typeof answer === 'number') return new Response(JSON.stringify({ code: `c${answer}`, detail: 'no' }), { status: answer });
      return new Response(answer, { headers: { 'Content-Type': 'text/event-stream' } });
    },
  };
}

async function run(answers: Answer[], onEvent?: (data: string) => void | 'end') {
  const transport = script(answers);
  const seen: string[] = [];
  const states: FollowState[] = [];
  const waits: number[] = [];
  let gaps = 0;
  await follow({
    transport,
    signal: new AbortController().signal,
    onEvent: (event) => {
      seen.push(event.data);
      return onEvent?.(event.data);
    },
    onState: (state) => states.push(state),
    onGap: () => (gaps += 1),
    random: () => 0.5,
    sleep: async (ms) => void waits.push(ms),
  });
  return { seen, states, waits, gaps, cursors: transport.cursors };
}

const event = (id: number) => `id: ${id}\ndata: ${id}\n\n`;

describe('follow', () => {
  test('goes on after the last event when a connection is lost', async () => {
    const result = await run([event(1) + event(2), new TypeError('network'), event(3)], (data) => (data === '3' ? 'end' : undefined));
    expect(result.seen).toEqual(['1', '2', '3']);
    expect(result.cursors).toEqual([undefined, '2', '2']);
    expect(result.states.at(-1)).toBe('ended');
  });

  test('waits longer after each failure, and starts anew after an event', async () => {
    const result = await run([503, 503, 503, event(1), 404]);
    expect(result.waits).toEqual([backoffMs(1, () => 0.5), backoffMs(2, () => 0.5), backoffMs(3, () => 0.5), backoffMs(1, () => 0.5)]);
  });

  test('a refusal ends it at once', async () => {
    const result = await run([403]);
    expect(result.states).toEqual(['connecting', 'failed']);
    expect(result.waits).toEqual([]);
  });

  test('a trimmed cursor starts over from the oldest and says that there is a gap', async () => {
    const result = await run([event(5), 410, event(9), 404]);
    expect(result.cursors.slice(0, 3)).toEqual([undefined, '5', undefined]);
    expect(result.gaps).toBe(1);
  });
});

test('back-off stays between half a second and ten seconds', () => {
  for (let failures = 1; failures < 40; failures++) {
    expect(backoffMs(failures, () => 0)).toBe(500);
    expect(backoffMs(failures, () => 0.999)).toBeLessThanOrEqual(10_000);
  }
  expect(backoffMs(30, () => 1)).toBe(10_000);
});
