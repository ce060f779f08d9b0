// Tokens: one renewal for many requests, one retry after a 401, and when a session is over.
import { expect, test } from 'vitest';
import { Auth } from './auth';
import { Client, query } from './client';

interface Call {
  path: string;
  authorization: string | null;
  csrf: string | null;
  body: unknown;
}

function setUp(answer: (call: Call, count: number) => Response) {
  const calls: Call[] = [];
  let now = 0;
  const fetchFn = (async (input: string, init: RequestInit) => {
    const headers = new Headers(init.headers);
    const call = { path: input, authorization: headers.get('Authorization'), csrf: headers.get('X-Cloister-CSRF'), body: init.body };
    calls.push(call);
    await Promise.resolve();
    return answer(call, calls.length);
  }) as typeof fetch;
  const auth = new Auth({ fetch: fetchFn, now: () => now, exclusive: (task) => task() });
  const events: string[] = [];
  auth.subscribe((event) => events.push(event.kind));
  return { auth, client: new Client(auth, fetchFn), calls, events, advance: (ms: number) => (now += ms) };
}

const principal = { id: 'usr_1', email: 'a@b.c', operator: false, has_password: true, memberships: [] };
let issued = 0;
const tokens = () =>
  Response.json({
    success: true,
    data: { access_token: `t${++issued}`, token_type: 'Bearer', expires_in_s: 300, refresh_token: 'r', principal },
  });
const ok = (data: unknown) => Response.json({ success: true, data });
const problem = (status: number) => new Response(JSON.stringify({ code: 'refused', detail: 'No.', request_id: 'req_1' }), { status });
const refreshes = (calls: Call[]) => calls.filter((call) => call.path === '/v1/auth/refresh').length;

test('many requests at once renew once, with the CSRF header', async () => {
  const { client, calls } = setUp((call) => (call.path === '/v1/auth/refresh' ? tokens() : ok(1)));
  await Promise.all([client.data('/v1/a/x'), client.data('/v1/a/y'), client.data('/v1/a/z')]);
  expect(refreshes(calls)).toBe(1);
  expect(calls[0]!.csrf).toBe('1');
});

test('a token is used until shortly before its end', async () => {
  const { client, calls, advance } = setUp((call) => (call.path === '/v1/auth/refresh' ? tokens() : ok(1)));
  await client.data('/v1/a/x');
  advance(260_000);
  await client.data('/v1/a/x');
  expect(refreshes(calls)).toBe(1);
  advance(15_000);
  await client.data('/v1/a/x');
  expect(refreshes(calls)).toBe(2);
});

test('a 401 renews and asks once more, with the new token', async () => {
  let refused: string | null = null;
  const { client, calls } = setUp((call) => {
    if (call.path === '/v1/auth/refresh') return tokens();
    refused ??= call.authorization;
    return call.authorization === refused ? problem(401) : ok('fine');
  });
  expect(await client.data('/v1/a/x')).toBe('fine');
  expect(refreshes(calls)).toBe(2);
});

test('a renewal names the tenant of this tab, whatever another tab works in', async () => {
  let granted = '';
  const { client, calls } = setUp((call) => {
    const asked = call.path === '/v1/auth/refresh' ? (JSON.parse(call.body as string) as { tenant?: string }).tenant : undefined;
    if (call.path !== '/v1/auth/refresh') return granted === 'birch' ? ok('fine') : problem(401);
    granted = asked ?? 'acme';
    return tokens();
  });
  expect(await client.data('/v1/birch/runs')).toBe('fine');
  granted = '';
  expect(await client.data('/v1/auth/me').catch(() => 'renewed')).toBe('fine');
  const asked = calls.filter((call) => call.path === '/v1/auth/refresh').map((call) => call.body);
  expect(asked).toEqual(['{}', '{"tenant":"birch"}', '{"tenant":"birch"}']);
});

test('a tenant that is none of theirs does not end the session', async () => {
  let renewals = 0;
  const { client, events } = setUp((call) => {
    if (call.path !== '/v1/auth/refresh') return renewals < 2 ? problem(401) : ok('fine');
    if (call.body !== '{}') return problem(404);
    renewals += 1;
    return tokens();
  });
  expect(await client.data('/v1/nobodys/runs')).toBe('fine');
  expect(events).toEqual(['signed_in', 'signed_in']);
});

test('a refused renewal ends the session and the request fails with its problem', async () => {
  const { client, events } = setUp(() => problem(401));
  await expect(client.data('/v1/a/x')).rejects.toMatchObject({ status: 401, code: 'refused', requestId: 'req_1' });
  expect(events).toEqual(['signed_out']);
});

test('a host that is away does not end the session', async () => {
  const { client, events } = setUp(() => {
    throw new TypeError('network');
  });
  await expect(client.data('/v1/a/x')).rejects.toMatchObject({ code: 'host_unreachable' });
  expect(events).toEqual([]);
});

test('an answer that is no problem document still says its status', async () => {
  const { client } = setUp((call) => (call.path === '/v1/auth/refresh' ? tokens() : new Response('<html>', { status: 502 })));
  await expect(client.data('/v1/a/x')).rejects.toMatchObject({ status: 502, code: 'http_502' });
});

test('a list gives its next cursor only while there is a next page', async () => {
  let more = true;
  const { client } = setUp((call) =>
    call.path === '/v1/auth/refresh'
      ? tokens()
      : Response.json({ success: true, data: [1], pagination: { per_page: 1, cursor: 'c', has_next: more } }),
  );
  expect(await client.page('/v1/a/x')).toEqual({ items: [1], cursor: 'c' });
  more = false;
  expect(await client.page('/v1/a/x')).toEqual({ items: [1] });
});

test('query leaves out what has no value', () => {
  expect(query({ a: 'x y', b: undefined, c: '', d: 0 })).toBe('?a=x+y&d=0');
});

test('a session that ends by itself is told apart from one that was signed out', async () => {
  let known = true;
  const { auth, client } = setUp((call) => (known && call.path === '/v1/auth/refresh' ? tokens() : known ? ok(1) : problem(401)));
  const ends: boolean[] = [];
  auth.subscribe((event) => event.kind === 'signed_out' && ends.push(event.expired));
  await client.data('/v1/a/x');
  known = false;
  await expect(client.data('/v1/a/x')).rejects.toMatchObject({ status: 401 });
  await auth.signOut();
  expect(ends).toEqual([true, false]);
});
