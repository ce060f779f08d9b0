// The mock's console over its three transports: WebSocket, server-sent events with POST, long polling with POST.
import { randomBytes } from 'node:crypto';
import { WebSocketServer } from 'ws';
import { usageOf } from './admin.mjs';
import { answer, eventStream, page, readJson, Refusal } from './http.mjs';
import { logMatcher } from './logs.mjs';
import { Session } from './sessions.mjs';

const PROTOCOL = 'cloister.console.v1';
/** Log lines of one event. */
const MAX_TOGETHER = 500;
const HELLO = { type: 'hello', protocol: PROTOCOL, heartbeat_s: 15, window_bytes: 262_144 };
const SYSTEM_REST_MS = 100;

/** One connection's subscriptions and where they stand. `wake` is called when there may be more. */
class Follower {
  subscriptions = new Map();

  constructor(tenant, user, client, wake) {
    Object.assign(this, { tenant, user, client, wake });
  }

  add(subscription, place) {
    const { ch, channel } = subscription;
    const one = { ch, channel, subscription, queue: [], stop: () => undefined };
    this.subscriptions.set(ch, one);
    try {
      this[channel](one, place);
    } catch (error) {
      one.queue.push({ type: 'error', code: error.code ?? 'host_fault', detail: error.message });
    }
  }

  commands(one, place) {
    const session = this.tenant.sessions.get(one.subscription.session) ?? [...this.tenant.endedSessions].find(({ id }) => id === one.subscription.session);
    if (!session) throw new Refusal(404, 'console_session_not_found', 'There is no such console session.');
    const wanted = place ? { ...one.subscription, from: place.offset, marks: place.notes, mode: 'resume' } : one.subscription;
    const attached = session.attach(this.client, wanted, session.user === this.user);
    one.session = session;
    one.place = attached.place;
    if (place) {
      one.place.replayed = place.live ? undefined : one.place.replayed;
      one.place.owner = place.owner;
    }
    if (!place) one.queue.push({ type: 'attached', ...attached.told });
    if (attached.gap) one.queue.push({ type: 'gap', ...attached.gap });
    session.listeners.add(this.wake);
    one.stop = () => {
      session.listeners.delete(this.wake);
      session.detach(attached.number);
    };
    one.pull = () => session.next(one.place, this.client);
    one.at = () => ({ offset: one.place.offset, notes: one.place.notes, live: one.place.replayed === undefined, owner: one.place.owner });
  }

  logs(one, place) {
    const { filter = {}, from, last } = one.subscription;
    const matches = logMatcher(Object.entries(filter).flatMap(([name, value]) => [value].flat().map((text) => [name, text])));
    const { lines } = this.tenant;
    let at = Number(place?.at ?? from ?? lines.length);
    if (place === undefined && from === undefined && last) at = Math.max(0, lines.length - last);
    if (place === undefined) one.queue.push({ type: 'following', cursor: String(at) });
    // Lines that are committed together go together, as from the host.
    let waking;
    const follow = () => (waking ??= setImmediate(() => ((waking = undefined), this.wake())));
    this.tenant.followers.add(follow);
    one.stop = () => {
      clearImmediate(waking);
      this.tenant.followers.delete(follow);
    };
    one.pull = () => {
      const together = [];
      while (at < lines.length && together.length < MAX_TOGETHER) {
        const line = lines[at++];
        if (matches(line)) together.push(line);
      }
      return together.length > 0 ? { type: 'lines', lines: together, cursor: String(at) } : undefined;
    };
    one.at = () => ({ at });
  }

  system(one, place) {
    let told = place?.told ?? -1;
    let timer;
    const { tenant } = this;
    const listener = () => (timer ??= setTimeout(() => ((timer = undefined), this.wake()), SYSTEM_REST_MS));
    tenant.watchers.add(listener);
    one.stop = () => {
      clearTimeout(timer);
      tenant.watchers.delete(listener);
    };
    one.pull = () => {
      if (told === tenant.changes) return undefined;
      const type = told < 0 ? 'snapshot' : 'changed';
      told = tenant.changes;
      const runs = [...tenant.runs.values()].map(({ run }) => run).filter(({ status }) => status !== 'ended');
      const sessions = [...tenant.sessions.values()].map((session) => session.info());
      return { type, usage: usageOf(tenant), runs, sessions };
    };
    one.at = () => ({ told });
  }

  output(one, place) {
    const record = this.tenant.runs.get(one.subscription.run);
    if (!record) throw new Refusal(404, 'run_not_found', 'There is no such run.');
    const [stdout, stderr] = (place?.at ?? one.subscription.from ?? '0.0').split('.').map(Number);
    const seen = { stdout, stderr };
    const passed = { stdout: 0, stderr: 0 };
    let next = 0;
    let over = place?.over ?? false;
    record.watchers.add(this.wake);
    one.stop = () => record.watchers.delete(this.wake);
    one.at = () => ({ at: `${seen.stdout}.${seen.stderr}`, over });
    one.pull = () => {
      while (next < record.output.length) {
        const { stream, data } = record.output[next++];
        const bytes = Buffer.from(data, 'base64');
        const offset = passed[stream];
        passed[stream] += bytes.length;
        if (passed[stream] <= seen[stream]) continue;
        const from = Math.max(offset, seen[stream]);
        seen[stream] = passed[stream];
        return { type: 'bytes', stream, offset: from, bytes: bytes.subarray(from - offset), cursor: `${seen.stdout}.${seen.stderr}` };
      }
      if (record.run.status !== 'ended' || over) return undefined;
      over = true;
      return { type: 'exit', run: record.run, cursor: 'over' };
    };
  }

  remove(ch) {
    this.subscriptions.get(ch)?.stop();
    this.subscriptions.delete(ch);
  }

  close() {
    for (const ch of [...this.subscriptions.keys()]) this.remove(ch);
  }

  /** The next event of any subscription. */
  next() {
    for (const one of this.subscriptions.values()) {
      const event = one.queue.shift() ?? one.pull?.();
      if (event) return { ch: one.ch, ...event };
    }
    return undefined;
  }

  cursor() {
    const places = [...this.subscriptions.values()].filter(({ at }) => at).map((one) => [one.ch, one.at()]);
    return Buffer.from(JSON.stringify(Object.fromEntries(places))).toString('base64url');
  }
}

const asJson = ({ bytes, ...event }) => (bytes ? { ...event, data: bytes.toString('base64') } : event);

function listOf(url) {
  const places = url.searchParams.get('cursor') ? JSON.parse(Buffer.from(url.searchParams.get('cursor'), 'base64url')) : {};
  return JSON.parse(url.searchParams.get('subscribe') ?? '[]').map((subscription) => [subscription, places[subscription.ch]]);
}

const found = (tenant, id) => {
  const session = tenant.sessions.get(id);
  if (!session) throw new Refusal(404, 'console_session_not_found', 'There is no such console session.');
  return session;
};

export const consoleRoutes = {
  'POST sessions': async ({ req, res, tenant, user }) => {
    const session = new Session(tenant, user, await readJson(req));
    tenant.sessions.set(session.id, session);
    tenant.changed();
    answer(res, session.info(), { status: 201 });
  },
  'GET sessions': async ({ res, tenant, user }) => answer(res, [...tenant.sessions.values()].filter((session) => session.user === user).map((session) => session.info())),
  'PATCH sessions/*': async ({ req, res, tenant }, id) => {
    const session = found(tenant, id);
    session.name = (await readJson(req)).name;
    tenant.changed();
    answer(res, session.info());
  },
  'DELETE sessions/*': async ({ res, tenant }, id) => {
    found(tenant, id).end('ended');
    answer(res, undefined, { status: 204 });
  },
  'POST sessions/*/messages': async ({ req, res, tenant, user }, id) => {
    const { client, seq, messages } = await readJson(req);
    const session = found(tenant, id);
    let number = seq;
    let taken = session.taken.get(client) ?? 0;
    for (const message of messages) taken = session.say(client, user, message, message.type === 'input' ? number++ : undefined);
    answer(res, { seq: taken });
  },
  'GET history': async ({ res, url, tenant, user }) => {
    const text = url.searchParams.get('text') ?? '';
    page(res, (tenant.history.get(user) ?? []).filter(({ line }) => line.includes(text)), url);
  },
  'DELETE history': async ({ res, tenant, user }) => {
    tenant.history.delete(user);
    answer(res, undefined, { status: 204 });
  },
  'POST tickets': async ({ res, tenant, user, mock }) => {
    const ticket = randomBytes(16).toString('base64url');
    mock.tickets.set(ticket, { tenant, user });
    answer(res, { ticket, expires_in_s: 30 }, { status: 201 });
  },
  'GET events': async ({ req, res, url, tenant, user, mock }) => {
    mock.seen.push((req.headers.accept ?? '').includes('text/event-stream') ? 'sse' : 'poll');
    const client = url.searchParams.get('client');
    if (mock.seen.at(-1) === 'poll' && mock.blockPolls) return void res.destroy();
    if (mock.seen.at(-1) === 'poll') return poll(url, res, tenant, user, client);
    if (mock.blockEvents) return void res.destroy();
    let pump = () => undefined;
    const follower = new Follower(tenant, user, client, () => pump());
    const stream = eventStream(req, res, () => follower.close());
    stream.send('hello', '', { ...HELLO, client });
    for (const [subscription, place] of listOf(url)) follower.add(subscription, place);
    pump = () => {
      for (let event = follower.next(); event; event = follower.next()) stream.send(event.type, follower.cursor(), asJson(event));
    };
    pump();
  },
};

async function poll(url, res, tenant, user, client) {
  let wake = () => undefined;
  const follower = new Follower(tenant, user, client, () => wake());
  for (const [subscription, place] of listOf(url)) follower.add(subscription, place);
  const events = [];
  const collect = () => {
    for (let event = follower.next(); event; event = follower.next()) events.push(asJson(event));
  };
  collect();
  if (events.length === 0) {
    await new Promise((resolve) => {
      wake = resolve;
      setTimeout(resolve, Number(url.searchParams.get('wait') ?? 0) * 1000);
      res.on('close', resolve);
    });
    collect();
  }
  const next = follower.cursor();
  follower.close();
  answer(res, { client, events, next });
}

/** WebSockets, on the server's `upgrade`. `mock.blockWebSockets` shuts the door as a proxy would. */
export function consoleSockets(mock) {
  const sockets = new WebSocketServer({ noServer: true, handleProtocols: (offered) => (offered.has(PROTOCOL) ? PROTOCOL : false), maxPayload: 64 * 1024 });
  mock.server.on('upgrade', (req, socket, head) => {
    const url = new URL(req.url, 'http://mock');
    mock.seen.push('websocket');
    if (mock.blockWebSockets || !/^\/v1\/[^/]+\/console\/ws$/.test(url.pathname)) return socket.destroy();
    const ticket = url.searchParams.get('ticket');
    const holder = mock.tickets.get(ticket);
    mock.tickets.delete(ticket);
    sockets.handleUpgrade(req, socket, head, (ws) => (holder ? serve(ws, holder, mock, url.searchParams.get('client')) : ws.close(4401)));
  });
}

function serve(ws, { tenant, user }, mock, client) {
  let pump = () => undefined;
  const follower = new Follower(tenant, user, client, () => pump());
  mock.sockets.add(ws);
  const tell = (event) => ws.send(JSON.stringify(event));
  tell({ ...HELLO, client });
  const beat = setInterval(() => tell({ type: 'heartbeat' }), HELLO.heartbeat_s * 1000);
  pump = () => {
    for (let event = follower.next(); event; event = follower.next()) {
      if (!event.bytes) {
        tell(event);
        continue;
      }
      const head = Buffer.alloc(10);
      head[0] = event.ch;
      head[1] = ['terminal', 'stdout', 'stderr'].indexOf(event.stream);
      head.writeBigUInt64BE(BigInt(event.offset), 2);
      ws.send(Buffer.concat([head, event.bytes]));
    }
  };
  ws.on('message', (data, isBinary) => {
    if (isBinary) return ws.close(4400);
    const message = JSON.parse(data.toString());
    const { type, ...rest } = message;
    if (type === 'subscribe') follower.add(rest);
    else if (type === 'unsubscribe') follower.remove(message.ch);
    else heard(message);
    pump();
  });
  const heard = (message) => {
    try {
      const seq = found(tenant, message.session).say(client, user, message, message.seq);
      if (message.type === 'input') tell({ type: 'accepted', session: message.session, seq });
    } catch (error) {
      tell({ type: 'error', code: error.code, detail: error.message, session: message.session, seq: message.seq, expected: error.expected });
    }
  };
  ws.on('close', () => {
    clearInterval(beat);
    mock.sockets.delete(ws);
    follower.close();
  });
}
