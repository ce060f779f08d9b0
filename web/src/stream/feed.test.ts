import { expect, test } from 'vitest';
import { ApiProblem } from '../api/problem';
import { Feed, type FeedState, type Post } from './feed';

/** A host's end of the pipe, with the same rule for offsets. */
function pipe() {
  let text = '';
  let closed = false;
  const posts: string[] = [];
  let fail: Error | undefined;
  const post: Post = async (offset, bytes, eof) => {
    await Promise.resolve();
    const sent = new TextDecoder().decode(bytes);
    posts.push(`${offset}:${sent}${eof ? '.' : ''}`);
    text += sent.slice(Math.max(0, text.length - offset));
    closed ||= eof;
    if (fail) {
      const error = fail;
      fail = undefined;
      throw error;
    }
    return { next_offset: text.length, closed };
  };
  return { post, posts, text: () => text, foreign: (more: string) => (text += more), failNext: (error: Error) => (fail = error) };
}

const bytes = (text: string) => new TextEncoder().encode(text);
const settled = () => new Promise((resolve) => setTimeout(resolve, 5));

async function opened(host: ReturnType<typeof pipe>) {
  const states: FeedState[] = [];
  const feed = new Feed(host.post, (state) => states.push(state));
  await feed.probe();
  host.posts.length = 0;
  return feed;
}

test('lines given while one is on its way go together, in order, and the end comes last', async () => {
  const host = pipe();
  const feed = await opened(host);
  feed.send(bytes('one\n'));
  feed.send(bytes('two\n'));
  feed.send(bytes('three\n'));
  feed.end();
  await settled();
  expect(host.posts).toEqual(['0:one\n', '4:two\nthree\n.']);
  expect(feed.state).toMatchObject({ phase: 'closed', takenBytes: 14, waitingBytes: 0, contended: false });
});

test('feeding goes on where the host is after the page was opened again', async () => {
  const host = pipe();
  host.foreign('before\n');
  const feed = await opened(host);
  feed.send(bytes('after\n'));
  await settled();
  expect(host.text()).toBe('before\nafter\n');
});

test('a lost answer is asked for again and nothing arrives twice', async () => {
  const host = pipe();
  const feed = await opened(host);
  host.failNext(new TypeError('network'));
  feed.send(bytes('once\n'));
  await settled();
  expect(host.text()).toBe('once\n');
  expect(feed.state).toMatchObject({ takenBytes: 5, problem: undefined, contended: false });
});

test('bytes that another one pushed aside are told', async () => {
  const host = pipe();
  const feed = await opened(host);
  host.foreign('foreign line\n');
  feed.send(bytes('mine\n'));
  await settled();
  expect(feed.state.contended).toBe(true);
});

test('a run that takes no input, or has ended, is no failure', async () => {
  const host = pipe();
  host.failNext(new ApiProblem({ status: 409, code: 'stdin_not_streamed', detail: '' }));
  const feed = await opened(host);
  expect(feed.state).toMatchObject({ phase: 'absent' });
});
